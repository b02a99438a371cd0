import type { Participant } from '../pbx/participant.ts';
import { type Call, type CallEvent, callIdOf, type Disposition, type Leg, NOBODY } from './call.ts';
import { answererOf, fillFrom, viewLeg } from './parties.ts';
import { moveCall, type Phase, phaseOfLegs, phaseOfStatus } from './transitions.ts';

/**
 * The pure steps of one call: what a leg that appears, changes or leaves makes of it. Nothing here knows a clock, a map
 * or a log; the same steps over the same inputs give the same call.
 */
export interface Step {
  readonly call: Call;
  readonly events: readonly CallEvent[];
}

/** When something happened, and whether we watched: of what a snapshot reveals afterwards the time is unknown. */
export interface Observed {
  readonly at: number;
  readonly isWatched: boolean;
}

/** `call` null: the first leg of a call that nobody knew. */
export function withLeg(call: Call | null, leg: Participant, seen: Observed): Step {
  const at = isoOf(seen.at);
  const base = call ?? newCall(leg, seen);
  const before = base.legs.find(each => isLegOf(each, leg));
  const legs = replaceLeg(base.legs, before, toLeg(leg, before, at));
  const isNewStatus = before?.status !== leg.status;
  const filled = fillFrom({ ...base, legs }, viewLeg(leg));
  if (!isNewStatus) return { call: filled, events: [] };

  const phase: Phase | 'none' = call === null ? 'none' : phaseNow(call);
  const move = moveCall(phase, phaseOfLegs(legs, phase === 'none' ? 'dialing' : phase));
  const events = call && !before && isTransfer(call, leg) ? ['call.transferred' as const, ...move.events] : move.events;
  const momentOf = (event: CallEvent) => (seen.isWatched && move.events.includes(event) ? at : null);
  const isAnswer = move.events.includes('call.answered');
  return {
    call: {
      ...filled,
      state: move.to,
      ringingAt: filled.ringingAt ?? momentOf('call.ringing'),
      answeredAt: filled.answeredAt ?? momentOf('call.answered'),
      answeredBy: isAnswer ? answererOf(leg, before?.status ?? null) : filled.answeredBy,
    },
    events,
  };
}

export function withoutLeg(call: Call, leg: { dn: string; id: number }): Call {
  return { ...call, legs: call.legs.filter(each => !isLegOf(each, leg)) };
}

/** `leftAt`: when the last leg left, null when that happened while nobody watched. */
export function endCall(call: Call, leftAt: number | null): Step {
  return {
    call: {
      ...call,
      state: 'ended',
      legs: [],
      endedAt: leftAt === null ? null : isoOf(leftAt),
      disposition: dispositionOf(call, leftAt),
    },
    events: ['call.ended'],
  };
}

export function wasAnswered(call: Call): boolean {
  return call.state === 'connected' || call.answeredAt !== null || call.answeredBy !== null;
}

/**
 * Call control shows that a call ended, not why. Unanswered from outside or inside is missed; our own unanswered call is
 * `cancelled` whether we gave up, it was busy or it failed, until a call record says more. A call that vanished while
 * nobody watched may have been answered meanwhile, so that nothing is said of it.
 */
function dispositionOf(call: Call, leftAt: number | null): Disposition | null {
  if (wasAnswered(call)) return 'answered';
  if (leftAt === null || call.direction === null) return null;
  return call.direction === 'outbound' ? 'cancelled' : 'missed';
}

/** A leg that joins by reference, or that takes over an answered call whose last leg has left (3cx.md §1.6, blind transfer). */
function isTransfer(call: Call, leg: Participant): boolean {
  if (leg.referredByDn !== null && leg.referredByDn !== leg.dn) return true;
  return call.legs.length === 0 && wasAnswered(call);
}

function newCall(leg: Participant, seen: Observed): Call {
  return {
    callId: callIdOf(seen.at, leg.callid),
    pbxCallId: leg.callid,
    direction: null,
    state: phaseOfStatus(leg.status) ?? 'dialing',
    startedAt: seen.isWatched ? isoOf(seen.at) : null,
    ringingAt: null,
    answeredAt: null,
    endedAt: null,
    caller: NOBODY,
    callee: NOBODY,
    did: null,
    answeredBy: null,
    legs: [],
    disposition: null,
  };
}

function phaseNow(call: Call): Phase {
  return call.state === 'ended' ? 'connected' : call.state;
}

function toLeg(leg: Participant, before: Leg | undefined, at: string): Leg {
  const since = before?.status === leg.status ? before.since : at;
  return { dn: leg.dn, participantId: leg.id, legId: leg.legid, status: leg.status, since };
}

function replaceLeg(legs: readonly Leg[], before: Leg | undefined, after: Leg): readonly Leg[] {
  return before ? legs.map(each => (each === before ? after : each)) : [...legs, after];
}

function isLegOf(leg: Leg, of: { dn: string; id: number }): boolean {
  return leg.participantId === of.id && leg.dn === of.dn;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
