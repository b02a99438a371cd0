import type { Participant } from '../pbx/callcontrol/participant.ts';
import { type Call, type CallEvent, type Disposition, type Leg, NOBODY } from './call.ts';
import { isLegOf, settleByAnswer, settleByEnd } from './former-legs.ts';
import { answererOf, fillFrom, viaOf, viewLeg } from './parties.ts';
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
  /** Of a call that is seen for the first time, where its start is another moment, Unix ms, or unknown. */
  readonly startedAt?: number | null;
}

/** The first leg of a call that nobody knew. `callId`: where the caller's counter is. */
export function openCall(leg: Participant, seen: Observed, callId: string): Step {
  return withLeg(newCall(leg, seen, callId), leg, { seen, phase: 'none' });
}

/** A leg that joins, or one of the call's that changed. `hasMoved`: it was seen to come over from another call. */
export function advance(call: Call, leg: Participant, seen: Observed & { hasMoved?: boolean }): Step {
  const step = withLeg(call, leg, { seen, phase: call.state === 'ended' ? 'connected' : call.state });
  const isNew = !call.legs.some(each => isLegOf(each, leg));
  const isTransferred = isNew && (seen.hasMoved || isTransfer(call, leg));
  return isTransferred ? { ...step, events: ['call.transferred', ...step.events] } : step;
}

function withLeg(base: Call, leg: Participant, given: { seen: Observed; phase: Phase | 'none' }): Step {
  const { seen, phase } = given;
  const at = isoOf(seen.at);
  const before = base.legs.find(each => isLegOf(each, leg));
  const legs = replaceLeg(base.legs, before, toLeg(leg, before, at));
  const via = base.via ?? viaOf(leg);
  const filled = { ...fillFrom({ ...base, legs }, viewLeg(leg)), via };
  const isOffered = base.via === null && via?.type === 'queue';
  if (before?.status === leg.status) return { call: filled, events: isOffered ? ['queue.offered'] : [] };

  const move = moveCall(phase, phaseOfLegs(legs, phase === 'none' ? 'dialing' : phase));
  const isNextAnswer = !move.events.includes('call.answered') && isPickUp(before, leg) && base.answeredBy !== leg.dn;
  const events: readonly CallEvent[] = isNextAnswer ? [...move.events, 'call.answered'] : move.events;
  const isAnswer = events.includes('call.answered');
  const momentOf = (event: CallEvent) => (seen.isWatched && events.includes(event) ? at : null);
  const call: Call = {
    ...filled,
    state: move.to,
    ringingAt: filled.ringingAt ?? momentOf('call.ringing'),
    answeredAt: filled.answeredAt ?? momentOf('call.answered'),
    answeredBy: isAnswer ? answererOf(leg, before?.status ?? null) : filled.answeredBy,
    formerLegs: isAnswer ? settleByAnswer(filled.formerLegs, seen.at) : filled.formerLegs,
  };
  const isTakenFromQueue = isAnswer && via?.type === 'queue' && !wasAnswered(base);
  return { call, events: withQueueEvents(events, { isOffered, isTaken: isTakenFromQueue }) };
}

/** `leftAt`: when the last leg left, null when that happened while nobody watched. */
export function endCall(call: Call, how: { leftAt: number | null; reason: NonNullable<Call['reason']> }): Step {
  const disposition = dispositionOf(call, how.leftAt);
  return {
    call: {
      ...call,
      state: 'ended',
      legs: [],
      formerLegs: settleByEnd(call.formerLegs),
      endedAt: how.leftAt === null ? null : isoOf(how.leftAt),
      disposition,
      reason: how.reason,
    },
    events: disposition === 'abandoned' ? ['queue.abandoned', 'call.ended'] : ['call.ended'],
  };
}

/** What happened at the queue stands before what it means for the call: the last event is the most telling. */
function withQueueEvents(
  events: readonly CallEvent[],
  { isOffered, isTaken }: { isOffered: boolean; isTaken: boolean },
): readonly CallEvent[] {
  if (!isOffered && !isTaken) return events;
  const [started, others] = [events.filter(isStart), events.filter(event => !isStart(event))];
  return [
    ...started,
    ...(isOffered ? (['queue.offered'] as const) : []),
    ...(isTaken ? (['queue.answered'] as const) : []),
    ...others,
  ];
}

function isStart(event: CallEvent): boolean {
  return event === 'call.started';
}

export function wasAnswered(call: Call): boolean {
  return call.state === 'connected' || call.state === 'held' || call.answeredAt !== null || call.answeredBy !== null;
}

/**
 * Call control shows that a call ended, not why. Unanswered from outside or inside is missed, at a queue abandoned; our
 * own unanswered call is `cancelled` whether we gave up, it was busy or it failed, until a call record says more. A call
 * that vanished while nobody watched may have been answered meanwhile, so that nothing is said of it.
 */
function dispositionOf(call: Call, leftAt: number | null): Disposition | null {
  if (wasAnswered(call)) return 'answered';
  if (leftAt === null || call.direction === null) return null;
  if (call.direction === 'outbound') return 'cancelled';
  return call.via?.type === 'queue' ? 'abandoned' : 'missed';
}

/** In a call that is already answered, a phone that rang and is taken answers it again: a transfer arrived there. */
function isPickUp(before: Leg | undefined, leg: Participant): boolean {
  return (
    before !== undefined && phaseOfStatus(before.status) === 'ringing' && phaseOfStatus(leg.status) === 'connected'
  );
}

/** A leg that joins by reference, or that takes over an answered call whose last leg has left (3cx.md §1.6, blind transfer). */
function isTransfer(call: Call, leg: Participant): boolean {
  const isReferred = leg.referredByDn !== null && leg.referredByDn !== leg.dn;
  // A queue that refers the call to its agents has not transferred it.
  if (isReferred && leg.referredByDn !== viaOf(leg)?.dn) return true;
  return call.legs.length === 0 && wasAnswered(call);
}

function newCall(leg: Participant, seen: Observed, callId: string): Call {
  return {
    callId,
    pbxCallId: leg.callid,
    conversationId: callId,
    linked: null,
    direction: null,
    state: phaseOfStatus(leg.status) ?? 'dialing',
    startedAt: startOf(seen),
    ringingAt: null,
    answeredAt: null,
    endedAt: null,
    caller: NOBODY,
    callee: NOBODY,
    did: null,
    via: null,
    answeredBy: null,
    legs: [],
    formerLegs: [],
    disposition: null,
    reason: null,
    cdr: null,
  };
}

function startOf({ at, isWatched, startedAt }: Observed): string | null {
  const ms = startedAt === undefined && isWatched ? at : startedAt;
  return ms === undefined || ms === null ? null : isoOf(ms);
}

function toLeg(leg: Participant, before: Leg | undefined, at: string): Leg {
  const since = before?.status === leg.status ? before.since : at;
  return { dn: leg.dn, participantId: leg.id, legId: leg.legid, status: leg.status, party: leg.partyCallerId, since };
}

function replaceLeg(legs: readonly Leg[], before: Leg | undefined, after: Leg): readonly Leg[] {
  return before ? legs.map(each => (each === before ? after : each)) : [...legs, after];
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
