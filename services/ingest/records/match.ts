import { type Call, firstSightOf } from '../call-model/call.ts';
import { isSameNumber } from '../pbx/same-number.ts';
import type { RecordedCall } from './recorded-call.ts';

/**
 * Whether a chain of records and a call that was watched are the same. They share no number: call control counts calls
 * of its own, the records carry uuids. So the same people at the same times must do, and the nearest in time wins.
 *
 * A call is seen when it reaches a phone that we may see: its caller may have heard a menu or waited in a queue for
 * minutes before, which the records begin with and call control does not show. So the start of a call is compared with
 * the moments in which its phones come in. Of a call that was first seen in a snapshot nobody knows the start; the
 * moment of the first sight must then fall into the record. Clocks are compared as they are: relay and PBX share a host
 * or a time server.
 */
export interface Matcher {
  /** Of these records those that a call may have: thousands of each are not compared one by one. */
  candidatesFor(call: Call, moments: readonly Moment[]): ReadonlySet<RecordedCall>;
  /** How far apart in ms, or null when they are not the same call. */
  distanceOf(call: Call, record: RecordedCall): number | null;
  /** The same without a look at the end, which is wrong where a frame about it was lost. */
  startDistanceOf(call: Call, record: RecordedCall): number | null;
  /**
   * Whether a call that was watched may be the one that a chain tells of: then it is not told again. More is taken for
   * the same here than when records are given to a call, since a row may be missing and a call told twice is worse. A
   * call that was watched from its beginning and has its records is no other chain's.
   */
  isToldBy(call: Call, record: RecordedCall): boolean;
}

/** A moment in which a call may have been seen first. */
export interface Moment {
  readonly at: number;
  readonly record: RecordedCall;
}

export function momentsOf(records: readonly RecordedCall[]): Moment[] {
  return records
    .flatMap(record => [record.startedAt, ...record.appearances.map(({ at }) => at)].map(at => ({ at, record })))
    .sort((one, other) => one.at - other.at);
}

/** A call is seen after it began, but for what two clocks differ: of the tolerance, so much. */
const CLOCK_SHARE = 1 / 3;

/** Puts a record whose phones were only found busy behind all others: no sight is so long after its start. */
const VAIN_MS = 86_400_000;

/** `toleranceMs`: how far apart the same moment may be in both. */
export function createMatcher({ toleranceMs }: { toleranceMs: number }): Matcher {
  const clocksMs = toleranceMs * CLOCK_SHARE;

  const far = (iso: string, ms: number, atMost = toleranceMs): number | null => {
    const difference = Math.abs(Date.parse(iso) - ms);
    return difference <= atMost ? difference : null;
  };

  /** Farther than any call whose start is known, which so goes first; of several the one that began last. */
  const distanceOfSight = (call: Call, { startedAt, endedAt, dns }: RecordedCall): number | null => {
    const sight = firstSightOf(call.callId);
    const isInside = startedAt <= sight + clocksMs && (endedAt ?? sight) >= sight - clocksMs;
    if (!isInside) return null;
    const phones = phonesOf(call);
    const hasRung = dns.some(dn => phones.has(dn));
    return 2 * toleranceMs + Math.max(0, sight - startedAt) + (hasRung ? 0 : VAIN_MS);
  };

  const farFromStart = (startedAt: string, call: Call, record: RecordedCall, atMost = toleranceMs): number | null => {
    const phones = phonesOf(call);
    const moments = [record.startedAt, ...record.appearances.filter(({ dn }) => phones.has(dn)).map(({ at }) => at)];
    const distances = moments.flatMap(at => far(startedAt, at, atMost) ?? []);
    return distances.length === 0 ? null : Math.min(...distances);
  };

  const startDistanceOf: Matcher['startDistanceOf'] = (call, record) => {
    if (!isSamePeople(call, record)) return null;
    return call.startedAt === null ? distanceOfSight(call, record) : farFromStart(call.startedAt, call, record);
  };

  /** A chain whose end is missing may be the beginning of a call that began with it, or was seen later only. */
  const mayGoOnAs = (call: Call, record: RecordedCall): boolean => {
    if (record.isOver) return false;
    return call.startedAt === null
      ? firstSightOf(call.callId) >= record.startedAt - clocksMs
      : farFromStart(call.startedAt, call, record) !== null;
  };

  return {
    startDistanceOf,
    candidatesFor(call, moments) {
      const [from, to] =
        call.startedAt === null
          ? [Number.NEGATIVE_INFINITY, firstSightOf(call.callId) + clocksMs]
          : [Date.parse(call.startedAt) - toleranceMs, Date.parse(call.startedAt) + toleranceMs];
      const near = moments.slice(
        firstIndex(moments, ({ at }) => at >= from),
        firstIndex(moments, ({ at }) => at > to),
      );
      return new Set(near.map(({ record }) => record));
    },
    distanceOf(call, record) {
      const start = startDistanceOf(call, record);
      const end = call.endedAt === null || record.endedAt === null ? 0 : far(call.endedAt, record.endedAt);
      return start === null || end === null ? null : start + end;
    },
    isToldBy(call, record) {
      if (call.cdr !== null && wasSeenToBegin(call) && !isOneConversation(call.cdr, record)) return false;
      if (startDistanceOf(call, record) !== null) return true;
      if (call.direction !== null && call.direction !== record.direction) return false;
      const outside = outsideNumberOf(call);
      const isSameOutside =
        outside !== null && record.outsideNumber !== null && isSameNumber(outside, record.outsideNumber);
      if (!isSameOutside && !(record.direction === 'internal' && sharesPhone(call, record))) return false;
      if (mayGoOnAs(call, record)) return true;
      return isSameOutside && call.startedAt !== null && farFromStart(call.startedAt, call, record, clocksMs) !== null;
    },
  };
}

/** Of a list in which what holds for one holds for all behind it: the first of which it holds. */
function firstIndex(moments: readonly Moment[], holds: (moment: Moment) => boolean): number {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const moment = moments[middle];
    if (moment && holds(moment)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isSamePeople(call: Call, record: RecordedCall): boolean {
  if (call.direction !== null && call.direction !== record.direction) return false;
  if (!sharesPhone(call, record)) return false;
  if (record.direction === 'internal') {
    const shown = call.direction === null ? outsideNumberOf(call) : null;
    if (shown !== null && !record.allDns.has(shown)) return false;
    return isSame(call.caller.dn, record.caller.dn) && (call.callee.dn === null || record.allDns.has(call.callee.dn));
  }
  if (record.direction === 'outbound' && !isSame(call.caller.dn, record.caller.dn)) return false;
  return isSameNumber(outsideNumberOf(call), record.outsideNumber);
}

/** While the direction is unknown, what the legs show. */
function outsideNumberOf(call: Call): string | null {
  switch (call.direction) {
    case 'inbound':
      return call.caller.number;
    case 'outbound':
      return call.callee.number;
    case 'internal':
      return null;
    case null:
      return [...call.legs, ...call.formerLegs].find(leg => leg.party)?.party ?? null;
  }
}

function sharesPhone(call: Call, record: RecordedCall): boolean {
  const phones = phonesOf(call);
  // Those that were busy, too: a phone may have rung before it said so.
  return record.appearances.some(({ dn }) => phones.has(dn));
}

function phonesOf({ legs, formerLegs }: Call): ReadonlySet<string> {
  return new Set([...legs, ...formerLegs].map(leg => leg.dn));
}

/** Of others the start is what their records say, which were given to them because nothing spoke against it. */
function wasSeenToBegin({ callId, startedAt }: Call): boolean {
  return startedAt !== null && Date.parse(startedAt) === firstSightOf(callId);
}

/** Several chains may tell of one call: those of a consultation name the chain that they go on in. */
function isOneConversation(one: NonNullable<Call['cdr']>, other: NonNullable<Call['cdr']>): boolean {
  const ids = [one.callHistoryId, one.mainCallHistoryId];
  return [other.callHistoryId, other.mainCallHistoryId].some(id => id !== null && ids.includes(id));
}

/** What one side does not say contradicts nothing. */
function isSame(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}
