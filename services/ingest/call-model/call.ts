/**
 * A call as clients see it (`call` in a message, an element of the snapshot). What the PBX does not reveal is null:
 * a time that fell into an outage, the direction of a call that was first seen when it was already connected.
 */
export type CallState = 'dialing' | 'ringing' | 'connected' | 'held' | 'ended';
export type Direction = 'inbound' | 'outbound' | 'internal';
export type Disposition = 'answered' | 'missed' | 'abandoned' | 'busy' | 'failed' | 'cancelled';

export interface Party {
  readonly number: string | null;
  readonly name: string | null;
  readonly dn: string | null;
}

export interface Leg {
  readonly dn: string;
  readonly participantId: number;
  readonly legId: number | null;
  readonly status: string;
  /** The number that this leg shows for the other side. */
  readonly party: string | null;
  /** When this status was first seen, ISO 8601. */
  readonly since: string;
}

/** What a leg came to; null while nobody can say, because the call may yet be answered by another one. */
export type LegOutcome = 'answered' | 'answered_elsewhere' | 'missed' | 'cancelled';

/** A leg that has left the call. */
export interface FormerLeg {
  readonly dn: string;
  readonly participantId: number;
  readonly party: string | null;
  /** ISO 8601; null when it left while nobody watched. */
  readonly leftAt: string | null;
  readonly outcome: LegOutcome | null;
}

/** The queue or ring group through which a call came, where a leg shows it. */
export interface Via {
  readonly dn: string;
  readonly type: 'queue' | 'ring_group';
}

export interface Call {
  /** Unique across restarts of the PBX, whose own numbers begin again: `<first sight, base 36>-<pbxCallId>`. */
  readonly callId: string;
  readonly pbxCallId: number;
  /** Shared by the calls that transfers joined: the `callId` of the first of them. */
  readonly conversationId: string;
  /** How we know that it belongs to an earlier call: a leg was seen to move over, or the circumstances say so. */
  readonly linked: 'observed' | 'inferred' | null;
  readonly direction: Direction | null;
  readonly state: CallState;
  readonly startedAt: string | null;
  readonly ringingAt: string | null;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly caller: Party;
  readonly callee: Party;
  readonly did: string | null;
  readonly via: Via | null;
  /** Extension that took the call; null when nobody did or when it was an outside party. */
  readonly answeredBy: string | null;
  readonly legs: readonly Leg[];
  /** Those that left, the latest last; at most `MAX_FORMER_LEGS`. */
  readonly formerLegs: readonly FormerLeg[];
  readonly disposition: Disposition | null;
  /** Why it counts as ended: everybody was seen to leave, or the PBX did not know it any more. Null until then. */
  readonly reason: 'left' | 'reconciled' | null;
  /** The PBX's own records of it, once they were found (records/); null until then. */
  readonly cdr: { readonly callHistoryId: string; readonly mainCallHistoryId: string | null } | null;
}

export type CallEvent =
  | 'call.started'
  | 'call.ringing'
  | 'call.answered'
  | 'call.held'
  | 'call.resumed'
  | 'call.transferred'
  | 'call.dtmf'
  | 'call.updated'
  | 'call.ended'
  | 'call.finalized'
  | 'queue.offered'
  | 'queue.answered'
  | 'queue.abandoned'
  | 'pbx.event';

/** A call that a queue offers for an hour has had hundreds; the earliest of them are forgotten. */
export const MAX_FORMER_LEGS = 32;

export const NOBODY: Party = { number: null, name: null, dn: null };

const SIGHT_DIGITS = 8;

export function callIdOf(firstSightMs: number, pbxCallId: number | string): string {
  const sight = Math.max(0, Math.floor(firstSightMs)).toString(36).padStart(SIGHT_DIGITS, '0').slice(-SIGHT_DIGITS);
  return `${sight}-${pbxCallId}`;
}

/** Unix ms of the moment in which the call was first seen. */
export function firstSightOf(callId: string): number {
  return Number.parseInt(callId.slice(0, SIGHT_DIGITS), 36);
}

/**
 * Every extension that is or was in the call, `first` in front, and the queue or ring group through which it came: who
 * watches one of them wants to see it to its end.
 */
export function dnsOf(call: Call | null, first: string | null): string[] {
  const legs = call ? [...call.legs, ...call.formerLegs].map(leg => leg.dn) : [];
  const all = [first, ...legs, call?.caller.dn, call?.callee.dn, call?.answeredBy, call?.via?.dn];
  return [...new Set(all.filter(dn => typeof dn === 'string' && dn !== ''))] as string[];
}

/** Of the projection in Redis, after a restart of ours. Null for what no version of ours wrote. */
export function parseCall(json: string): Call | null {
  try {
    const value = JSON.parse(json) as Partial<Call> | null;
    if (!value || typeof value.callId !== 'string' || typeof value.pbxCallId !== 'number') return null;
    if (!Array.isArray(value.legs) || typeof value.state !== 'string') return null;
    return {
      callId: value.callId,
      pbxCallId: value.pbxCallId,
      conversationId: value.conversationId ?? value.callId,
      linked: value.linked ?? null,
      direction: value.direction ?? null,
      state: value.state,
      startedAt: value.startedAt ?? null,
      ringingAt: value.ringingAt ?? null,
      answeredAt: value.answeredAt ?? null,
      endedAt: value.endedAt ?? null,
      caller: value.caller ?? NOBODY,
      callee: value.callee ?? NOBODY,
      did: value.did ?? null,
      via: value.via ?? null,
      answeredBy: value.answeredBy ?? null,
      legs: value.legs,
      formerLegs: value.formerLegs ?? [],
      disposition: value.disposition ?? null,
      reason: value.reason ?? null,
      cdr: value.cdr ?? null,
    };
  } catch {
    return null;
  }
}
