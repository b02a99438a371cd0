import type { Call } from '../call-model/call.ts';
import { firstSightOf } from '../call-model/call.ts';
import type { RecordedCall } from './recorded-call.ts';

/**
 * Whether a chain of records and a call that was watched are the same. They share no number: call control counts calls
 * of its own, the records carry uuids. So the same people at the same times must do, and the nearest in time wins.
 *
 * Of a call that was first seen in a snapshot nobody knows the start; the moment of the first sight must then fall into
 * the record. Clocks are compared as they are: relay and PBX share a host or a time server.
 */
const MAX_DIFFERENCE_MS = 3_000;
/** A call is seen after it began, but for what two clocks differ. */
const CLOCKS_MS = 1_000;
/** Numbers are compared from the end: one source writes the country code, another does not. */
const COMPARED_DIGITS = 8;

/** How far apart in ms, or null when they are not the same call. */
export function distanceOf(call: Call, record: RecordedCall): number | null {
  const start = startDistanceOf(call, record);
  const end = call.endedAt === null || record.endedAt === null ? 0 : far(call.endedAt, record.endedAt);
  return start === null || end === null ? null : start + end;
}

/** The same without a look at the end, which is wrong where a frame about it was lost. */
export function startDistanceOf(call: Call, record: RecordedCall): number | null {
  if (!isSamePeople(call, record)) return null;
  return call.startedAt === null ? distanceOfSight(call, record) : far(call.startedAt, record.startedAt);
}

/**
 * Whether a call that was watched may be the one that a chain tells of: then it is not told again. More is taken for the
 * same here than when records are given to a call, since a row may be missing and a call told twice is worse.
 */
export function isToldBy(call: Call, record: RecordedCall): boolean {
  if (startDistanceOf(call, record) !== null) return true;
  if (call.direction !== null && call.direction !== record.direction) return false;
  const outside = outsideNumberOf(call);
  const isSameOutside =
    outside !== null && record.outsideNumber !== null && isSameNumber(outside, record.outsideNumber);
  if (isSameOutside && call.startedAt !== null && far(call.startedAt, record.startedAt, CLOCKS_MS) !== null)
    return true;
  if (record.isOver || (call.endedAt !== null && Date.parse(call.endedAt) < record.startedAt)) return false;
  // A chain whose end is missing may be the beginning of this call.
  return isSameOutside || (record.direction === 'internal' && sharesPhone(call, record));
}

function far(iso: string, ms: number, atMost = MAX_DIFFERENCE_MS): number | null {
  const difference = Math.abs(Date.parse(iso) - ms);
  return difference <= atMost ? difference : null;
}

/** Farther than any call whose start is known, which so goes first; of several the one that began last. */
function distanceOfSight(call: Call, { startedAt, endedAt }: RecordedCall): number | null {
  const sight = firstSightOf(call.callId);
  const isInside = startedAt <= sight + CLOCKS_MS && (endedAt ?? sight) >= sight - CLOCKS_MS;
  return isInside ? 2 * MAX_DIFFERENCE_MS + Math.max(0, sight - startedAt) : null;
}

function isSamePeople(call: Call, record: RecordedCall): boolean {
  if (call.direction !== null && call.direction !== record.direction) return false;
  if (!sharesPhone(call, record)) return false;
  if (record.direction === 'internal') {
    const shown = call.direction === null ? outsideNumberOf(call) : null;
    if (shown !== null && !record.dns.includes(shown)) return false;
    return isSame(call.caller.dn, record.caller.dn) && (call.callee.dn === null || record.dns.includes(call.callee.dn));
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
  const dns = new Set([...call.legs, ...call.formerLegs].map(leg => leg.dn));
  return record.dns.some(dn => dns.has(dn));
}

/** What one side does not say contradicts nothing. */
function isSame(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}

function isSameNumber(one: string | null, other: string | null): boolean {
  return one === null || other === null || digitsOf(one) === digitsOf(other);
}

function digitsOf(number: string): string {
  return number.replace(/\D/g, '').slice(-COMPARED_DIGITS);
}
