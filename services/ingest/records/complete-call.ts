import {
  type Call,
  type CallEvent,
  callIdOf,
  type Disposition,
  type FormerLeg,
  MAX_FORMER_LEGS,
  type Party,
  type Via,
} from '../call-model/call.ts';
import { isSameNumber } from '../pbx/same-number.ts';
import type { RecordedCall } from './recorded-call.ts';

/**
 * A call that was watched, with what its records add. What was seen stands: a record fills what nobody saw, and says
 * why a call was not answered, which call control never shows.
 */
export function completeCall(call: Call, record: RecordedCall): Call {
  const via = call.via ?? record.via;
  const isMachine = wasAnsweredByMachine(call, record);
  return {
    ...call,
    direction: call.direction ?? record.direction,
    startedAt: call.startedAt ?? isoOf(record.startedAt),
    answeredAt: isMachine ? null : (call.answeredAt ?? isoOf(record.answeredAt)),
    endedAt: call.endedAt ?? isoOf(record.endedAt),
    caller: fillParty(call.caller, record.caller, record.names),
    callee: fillParty(call.callee, record.callee, record.names),
    did: record.did ?? call.did,
    via,
    answeredBy: call.answeredBy ?? record.answeredBy,
    formerLegs: call.formerLegs.map(leg => fillLeg(leg, record)),
    disposition: !isMachine && call.disposition === 'answered' ? 'answered' : dispositionOf(record.disposition, via),
    cdr: { callHistoryId: record.callHistoryId, mainCallHistoryId: record.mainCallHistoryId },
  };
}

/** A queue, a menu or a voice mail that takes a call from inside connects the caller's leg as a person does. */
function wasAnsweredByMachine(call: Call, record: RecordedCall): boolean {
  const isSeenAnswered = call.disposition === 'answered' && call.answeredBy === null;
  const direction = call.direction ?? record.direction;
  return isSeenAnswered && direction !== 'outbound' && record.isOver && record.disposition !== 'answered';
}

function dispositionOf(recorded: Disposition, via: Via | null): Disposition {
  return recorded === 'missed' && via?.type === 'queue' ? 'abandoned' : recorded;
}

/** A call that nobody watched. It never had a number of call control. */
export type RecoveredCall = Omit<Call, 'pbxCallId'> & { readonly pbxCallId: null };

export function recoverCall(record: RecordedCall): { call: RecoveredCall; events: readonly CallEvent[] } {
  const callId = callIdOf(record.startedAt, record.callHistoryId.replaceAll('-', '').slice(-8));
  const isAnswered = record.disposition === 'answered';
  const call: RecoveredCall = {
    callId,
    pbxCallId: null,
    conversationId: callId,
    linked: null,
    direction: record.direction,
    state: 'ended',
    startedAt: isoOf(record.startedAt),
    ringingAt: null,
    answeredAt: isoOf(record.answeredAt),
    endedAt: isoOf(record.endedAt),
    caller: record.caller,
    callee: record.callee,
    did: record.did,
    via: record.via,
    answeredBy: record.answeredBy,
    legs: [],
    formerLegs: latestOf(record.legs),
    disposition: record.disposition,
    reason: 'reconciled',
    cdr: { callHistoryId: record.callHistoryId, mainCallHistoryId: record.mainCallHistoryId },
  };
  const answer = isAnswered ? (['call.answered'] as const) : [];
  return { call, events: ['call.started', ...answer, 'call.ended'] };
}

/** Two people must not mix: the first phone that rang is the one seen, and the records may name the one that answered. */
function fillParty(seen: Party, recorded: Party, names: ReadonlyMap<string, string>): Party {
  if (isSameParty(seen, recorded)) {
    return {
      number: seen.number ?? recorded.number,
      name: seen.name ?? recorded.name,
      dn: seen.dn ?? recorded.dn,
    };
  }
  return { ...seen, name: seen.name ?? (seen.dn === null ? null : (names.get(seen.dn) ?? null)) };
}

function isSameParty(seen: Party, recorded: Party): boolean {
  if (seen.dn !== null && recorded.dn !== null) return seen.dn === recorded.dn;
  return seen.number === null || (recorded.number !== null && isSameNumber(seen.number, recorded.number));
}

function fillLeg(leg: FormerLeg, record: RecordedCall): FormerLeg {
  const recorded = recordedLegOf(leg, record)?.outcome ?? null;
  // That nobody took the call is a guess where another phone is not seen.
  const isWrong = leg.outcome === 'missed' && recorded === 'answered_elsewhere';
  return leg.outcome === null || isWrong ? { ...leg, outcome: recorded } : leg;
}

/** A queue asks the same phone again and again: the poll that ended when the leg left, or the last where nobody saw that. */
function recordedLegOf({ dn, leftAt }: FormerLeg, { legs }: RecordedCall): FormerLeg | undefined {
  const polls = legs.filter(each => each.dn === dn);
  if (leftAt === null) return polls.at(-1);
  const farFrom = (poll: FormerLeg) =>
    poll.leftAt === null ? Number.POSITIVE_INFINITY : Math.abs(Date.parse(poll.leftAt) - Date.parse(leftAt));
  return polls.toSorted((one, other) => farFrom(one) - farFrom(other))[0];
}

/** As the model bounds them. Who answered leaves last, wherever his row stands among those of a group. */
function latestOf(legs: readonly FormerLeg[]): readonly FormerLeg[] {
  const leftAt = (leg: FormerLeg) => (leg.leftAt === null ? Number.MAX_SAFE_INTEGER : Date.parse(leg.leftAt));
  return legs.toSorted((one, other) => leftAt(one) - leftAt(other)).slice(-MAX_FORMER_LEGS);
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
