import type { Call } from '../call-model/call.ts';
import type { RecordedCall } from './recorded-call.ts';

/**
 * Whether a chain of records and a call that was watched are the same. They share no number: call control counts calls
 * of its own, the records carry uuids. So the same people within the same seconds must do, and the nearest in time wins.
 */
const MAX_START_DIFFERENCE_MS = 5_000;
/** Numbers are compared from the end: one source writes the country code, another does not. */
const COMPARED_DIGITS = 8;

/** How far apart in ms, or null when they are not the same call. */
export function distanceOf(call: Call, record: RecordedCall): number | null {
  if (call.startedAt === null) return null;
  const distance = Math.abs(Date.parse(call.startedAt) - record.startedAt);
  if (distance > MAX_START_DIFFERENCE_MS) return null;
  if (call.direction !== null && call.direction !== record.direction) return null;
  return isSamePeople(call, record) ? distance : null;
}

function isSamePeople(call: Call, record: RecordedCall): boolean {
  const own = dnsIn(call);
  if (!record.dns.some(dn => own.has(dn))) return false;
  if (record.direction === 'internal') return record.caller.dn === null || own.has(record.caller.dn);
  const outside = record.direction === 'outbound' ? call.callee.number : call.caller.number;
  if (outside === null || record.outsideNumber === null) return true;
  return digitsOf(outside) === digitsOf(record.outsideNumber);
}

function dnsIn(call: Call): Set<string> {
  const dns = [...call.legs, ...call.formerLegs].map(leg => leg.dn);
  return new Set([...dns, ...[call.caller.dn, call.callee.dn, call.answeredBy].filter(dn => dn !== null)]);
}

function digitsOf(number: string): string {
  return number.replace(/\D/g, '').slice(-COMPARED_DIGITS);
}
