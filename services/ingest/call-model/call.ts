/**
 * A call as clients see it (`call` in a message, an element of the snapshot). What the PBX does not reveal is null:
 * a time that fell into an outage, the direction of a call that was first seen when it was already connected.
 */
export type CallState = 'dialing' | 'ringing' | 'connected' | 'ended';
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
  /** When this status was first seen, ISO 8601. */
  readonly since: string;
}

export interface Call {
  /** Unique across restarts of the PBX, whose own numbers begin again: `<first sight, base 36>-<pbxCallId>`. */
  readonly callId: string;
  readonly pbxCallId: number;
  readonly direction: Direction | null;
  readonly state: CallState;
  readonly startedAt: string | null;
  readonly ringingAt: string | null;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly caller: Party;
  readonly callee: Party;
  readonly did: string | null;
  /** Extension that took the call; null when nobody did or when it was an outside party. */
  readonly answeredBy: string | null;
  readonly legs: readonly Leg[];
  readonly disposition: Disposition | null;
}

export type CallEvent =
  | 'call.started'
  | 'call.ringing'
  | 'call.answered'
  | 'call.transferred'
  | 'call.dtmf'
  | 'call.updated'
  | 'call.ended'
  | 'pbx.event';

export const NOBODY: Party = { number: null, name: null, dn: null };

const SIGHT_DIGITS = 8;

export function callIdOf(firstSightMs: number, pbxCallId: number): string {
  const sight = Math.max(0, Math.floor(firstSightMs)).toString(36).padStart(SIGHT_DIGITS, '0').slice(-SIGHT_DIGITS);
  return `${sight}-${pbxCallId}`;
}

/** Every extension in the call, `first` in front; the calling and the answering one stay in it after they left. */
export function dnsOf(call: Call | null, first: string | null): string[] {
  const legs = call?.legs.map(leg => leg.dn) ?? [];
  const all = [first, ...legs, call?.caller.dn, call?.callee.dn, call?.answeredBy];
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
      direction: value.direction ?? null,
      state: value.state,
      startedAt: value.startedAt ?? null,
      ringingAt: value.ringingAt ?? null,
      answeredAt: value.answeredAt ?? null,
      endedAt: value.endedAt ?? null,
      caller: value.caller ?? NOBODY,
      callee: value.callee ?? NOBODY,
      did: value.did ?? null,
      answeredBy: value.answeredBy ?? null,
      legs: value.legs,
      disposition: value.disposition ?? null,
    };
  } catch {
    return null;
  }
}
