import type { CallAction } from '@3cx-relay/shared/jobs/call-command.ts';
import type { StateSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { parseStored } from '@3cx-relay/shared/log/stored-json.ts';

/** The participant that a request names. */
export interface CommandTarget {
  readonly dn: string;
  readonly participantId: number;
}

/** The event that shows the effect in channel `calls`; `call` where the call is known already. */
export interface Expectation {
  readonly channel: 'calls';
  readonly event: string;
  readonly dn: string;
  readonly call?: string;
}

/**
 * `101:8107` is taken as it stands, because the PBX may know a participant that we do not know yet. The id alone is
 * looked up: it is unique on the PBX (3cx.md §1.5). Null when nobody has it.
 */
export function findTarget(name: string, snapshot: StateSnapshot): CommandTarget | null {
  const [id = '', dn] = name.split(':').reverse();
  const participantId = Number(id);
  if (dn !== undefined) return { dn, participantId };
  const field = Object.keys(snapshot.participants).find(key => key.endsWith(`/${participantId}`));
  return field === undefined ? null : { dn: field.slice(0, field.lastIndexOf('/')), participantId };
}

interface KnownCall {
  readonly callId: string;
  readonly legs: readonly { readonly dn: string; readonly participantId: number; readonly status: string }[];
}

export function expectationOf(
  action: CallAction,
  target: CommandTarget | string,
  snapshot: StateSnapshot,
): Expectation {
  if (typeof target === 'string') return { channel: 'calls', event: 'call.started', dn: target };
  const call = findCall(target, snapshot);
  const leg = call?.legs.find(each => each.participantId === target.participantId);
  return {
    channel: 'calls',
    event: eventOf(action, leg?.status.toLowerCase() === 'connected'),
    dn: target.dn,
    ...(call ? { call: call.callId } : {}),
  };
}

/** Only a call that is being talked on is transferred; one that rings goes on ringing elsewhere. */
function eventOf(action: CallAction, isConnected: boolean): string {
  switch (action) {
    case 'makecall':
      return 'call.started';
    case 'drop':
      return 'call.ended';
    case 'answer':
      return 'call.answered';
    case 'routeto':
    case 'transferto':
      return isConnected ? 'call.transferred' : 'call.updated';
    case 'divert':
    case 'attach_participant_data':
    case 'attach_party_data':
      return 'call.updated';
  }
}

function findCall({ dn, participantId }: CommandTarget, { calls }: StateSnapshot): KnownCall | null {
  for (const json of Object.values(calls)) {
    // Most calls are not the one: a look at the text spares parsing them.
    if (!json.includes(`"participantId":${participantId}`)) continue;
    const { callId, legs } = parseStored<KnownCall>(json) ?? {};
    const isIn = legs?.some(leg => leg.participantId === participantId && leg.dn === dn);
    if (isIn && callId !== undefined && legs) return { callId, legs };
  }
  return null;
}
