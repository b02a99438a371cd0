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
/** Numbers are compared from the end: one source writes the country code, another does not. */
const COMPARED_DIGITS = 8;

/** How far apart in ms, or null when they are not the same call. */
export function distanceOf(call: Call, record: RecordedCall): number | null {
  if (call.direction !== null && call.direction !== record.direction) return null;
  const start = call.startedAt === null ? distanceOfSight(call, record) : far(call.startedAt, record.startedAt);
  if (start === null) return null;
  const end = call.endedAt === null || record.endedAt === null ? 0 : far(call.endedAt, record.endedAt);
  if (end === null) return null;
  return isSamePeople(call, record) ? start + end : null;
}

function far(iso: string, ms: number): number | null {
  const difference = Math.abs(Date.parse(iso) - ms);
  return difference <= MAX_DIFFERENCE_MS ? difference : null;
}

/** As far as can be, so that a call whose start is known goes first. */
function distanceOfSight(call: Call, { startedAt, endedAt }: RecordedCall): number | null {
  const sight = firstSightOf(call.callId);
  const isInside = startedAt <= sight + MAX_DIFFERENCE_MS && (endedAt ?? sight) >= sight - MAX_DIFFERENCE_MS;
  return isInside ? MAX_DIFFERENCE_MS : null;
}

function isSamePeople(call: Call, record: RecordedCall): boolean {
  switch (record.direction) {
    case 'internal':
      return (
        isSame(call.caller.dn, record.caller.dn) && (call.callee.dn === null || record.dns.includes(call.callee.dn))
      );
    case 'outbound':
      return isSame(call.caller.dn, record.caller.dn) && isSameNumber(call.callee.number, record.outsideNumber);
    case 'inbound':
      return sharesPhone(call, record) && isSameNumber(call.caller.number, record.outsideNumber);
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
