import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { CallRow } from '@3cx-relay/shared/store/calls.ts';
import { toNumberKey } from '@3cx-relay/shared/store/number-key.ts';
import { CALL_STATES, DIRECTIONS, DISPOSITIONS } from '@3cx-relay/shared/wire/call.ts';
import { firstSightOf } from '@3cx-relay/shared/wire/call-id.ts';
import { z } from 'zod';

/**
 * The calls that entries are about, each as the last of them left it. Any version of ingest may have written them: a
 * field that is not what it should be is not known, and a call without an id of ours is none, for its id says where it
 * is stored.
 */
const MAX_NUMBER = 100;
const MAX_NAME = 200;
const MAX_DN = 50;
/** Far more than a call of 32 former legs has. */
const MAX_DNS = 100;
const LATEST_MS = Date.UTC(9999, 0);

/** PostgreSQL takes neither U+0000 nor half a surrogate pair; "" is how the PBX spells that there is none. */
const textUpTo = (max: number) =>
  z
    .string()
    .transform(text => text.slice(0, max).toWellFormed().replaceAll('\0', '\uFFFD') || null)
    .nullish()
    .transform(text => text ?? null)
    .catch(null);

const time = z
  .string()
  .transform(text => {
    const ms = Date.parse(text);
    return ms >= 0 && ms < LATEST_MS ? new Date(ms).toISOString() : null;
  })
  .nullish()
  .transform(iso => iso ?? null)
  .catch(null);

const dn = textUpTo(MAX_DN);
const NOBODY = { number: null, name: null, dn: null };
const party = z.object({ number: textUpTo(MAX_NUMBER), name: textUpTo(MAX_NAME), dn }).catch(NOBODY);
const legs = z.array(z.object({ dn }).catch({ dn: null })).catch([]);

const call = z.object({
  callId: z.string(),
  conversationId: z
    .string()
    .refine(id => firstSightOf(id) !== null)
    .nullable()
    .catch(null),
  direction: z.enum(DIRECTIONS).nullable().catch(null),
  state: z.enum(CALL_STATES).nullable().catch(null),
  startedAt: time,
  ringingAt: time,
  answeredAt: time,
  endedAt: time,
  caller: party,
  callee: party,
  did: textUpTo(MAX_NUMBER),
  via: z
    .object({ dn, type: z.enum(['queue', 'ring_group']).nullable().catch(null) })
    .nullable()
    .catch(null),
  answeredBy: dn,
  legs,
  formerLegs: legs,
  disposition: z.enum(DISPOSITIONS).nullable().catch(null),
});

type DecodedCall = z.infer<typeof call>;

/** How the body spells that it has them; only texts of the PBX can hold the same, and then it is merely looked at. */
const OTHER_CALLS = '"otherCalls":[';

export function decodeCalls(entries: readonly LogEntry[]): CallRow[] {
  const rows = new Map<string, CallRow>();
  for (const entry of entries.toReversed()) {
    if (entry.type !== 'call_event') continue;
    // The state before a newer one that is known: most entries need not be parsed.
    const isKnown = entry.call === null || rows.has(entry.call);
    if (isKnown && !entry.body.includes(OTHER_CALLS)) continue;
    for (const row of callsOf(entry)) if (!rows.has(row.callId)) rows.set(row.callId, row);
  }
  return [...rows.values()];
}

function callsOf(entry: LogEntry): CallRow[] {
  let body: { call?: unknown; otherCalls?: unknown } | null;
  try {
    body = JSON.parse(entry.body);
  } catch {
    return [];
  }
  const others = Array.isArray(body?.otherCalls) ? body.otherCalls : [];
  return [body?.call, ...others].flatMap(value => {
    const parsed = call.safeParse(value);
    return parsed.success ? (toRow(entry, parsed.data) ?? []) : [];
  });
}

function toRow(entry: LogEntry, { caller, callee, via, legs, formerLegs, ...seen }: DecodedCall): CallRow | null {
  const sight = firstSightOf(seen.callId);
  if (sight === null) return null;
  const dns = [caller.dn, callee.dn, seen.answeredBy, ...[...legs, ...formerLegs].map(leg => leg.dn), via?.dn];
  const numbers = [caller.number, callee.number, seen.did];
  const { ringMs, talkMs } = durationsOf(seen);
  return {
    ...seen,
    at: new Date(sight).toISOString(),
    conversationId: seen.conversationId ?? seen.callId,
    callerNumber: caller.number,
    callerName: caller.name,
    callerDn: caller.dn,
    calleeNumber: callee.number,
    calleeName: callee.name,
    calleeDn: callee.dn,
    viaDn: via?.dn ?? null,
    viaType: via?.dn ? via.type : null,
    dns: distinct(dns).slice(0, MAX_DNS),
    numberKeys: distinct(numbers.map(number => number && toNumberKey(number))),
    ringMs,
    talkMs,
    epoch: entry.epoch,
    seq: entry.seq,
  };
}

/** Of a call that is over; null where a time is not known or the two contradict each other. */
function durationsOf(call: Pick<DecodedCall, 'state' | 'disposition' | 'ringingAt' | 'answeredAt' | 'endedAt'>): {
  ringMs: number | null;
  talkMs: number | null;
} {
  if (call.state !== 'ended') return { ringMs: null, talkMs: null };
  const wasAnswered = call.answeredAt !== null || call.disposition === 'answered';
  // Without a disposition nobody knows whether it rang to the end.
  const ringsUntil = wasAnswered ? call.answeredAt : call.disposition && call.endedAt;
  return { ringMs: between(call.ringingAt, ringsUntil), talkMs: between(call.answeredAt, call.endedAt) };
}

function between(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  const ms = Date.parse(to) - Date.parse(from);
  return ms >= 0 ? ms : null;
}

function distinct(values: readonly (string | null | undefined)[]): string[] {
  return [...new Set(values.filter(value => typeof value === 'string' && value !== ''))] as string[];
}
