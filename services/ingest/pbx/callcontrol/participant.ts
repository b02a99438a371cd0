import { isDeepStrictEqual } from 'node:util';

/**
 * One leg of a call on one DN as call control shows it (3cx.md §1.5). Only what the call model reads is typed; the
 * rest is carried along untouched, so a field that a later build adds reaches the clients.
 */
export interface Participant {
  readonly id: number;
  readonly dn: string;
  readonly callid: number;
  readonly legid: number | null;
  readonly status: string;
  readonly partyDn: string | null;
  readonly partyDnType: string | null;
  readonly partyCallerId: string | null;
  readonly partyCallerName: string | null;
  readonly partyDid: string | null;
  readonly originatedByDn: string | null;
  readonly originatedByType: string | null;
  readonly referredByDn: string | null;
  readonly referredByType: string | null;
  readonly onBehalfOfDn: string | null;
  readonly onBehalfOfType: string | null;
  /** The PBX's own object as JSON text without line breaks. */
  readonly json: string;
}

/** The DN under which it was found is its DN: a Remove names that one, whatever the body says. Null if it is no participant. */
export function parseParticipant(value: unknown, owner: { dn: string }): Participant | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const fields = value as Readonly<Record<string, unknown>>;
  const id = toInteger(fields.id);
  const callid = toInteger(fields.callid);
  if (id === null || callid === null) return null;
  return {
    id,
    callid,
    dn: owner.dn,
    legid: toInteger(fields.legid),
    status: toText(fields.status) ?? '',
    partyDn: toText(fields.party_dn),
    partyDnType: toType(fields.party_dn_type),
    partyCallerId: toText(fields.party_caller_id),
    partyCallerName: toText(fields.party_caller_name),
    partyDid: toText(fields.party_did),
    originatedByDn: toText(fields.originated_by_dn),
    originatedByType: toType(fields.originated_by_type),
    referredByDn: toText(fields.referred_by_dn),
    referredByType: toType(fields.referred_by_type),
    onBehalfOfDn: toText(fields.on_behalf_of_dn),
    onBehalfOfType: toType(fields.on_behalf_of_type),
    json: JSON.stringify(fields),
  };
}

/** The snapshot and the entity need not list the fields in the same order. */
export function isSameParticipant(one: Participant, other: Participant): boolean {
  return one.json === other.json || isDeepStrictEqual(JSON.parse(one.json), JSON.parse(other.json));
}

/** A 3CX sends "" for an absent string and "None" for an absent type; both are null from here on. */
function toText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function toType(value: unknown): string | null {
  return value === 'None' ? null : toText(value);
}

function toInteger(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
