import type pg from 'pg';
import { ALL_DIRECTIONS, ALL_DISPOSITIONS, type CallFilters, type CallKey } from './call-filters.ts';
import { compareKeys, type KeyRange, type Lookup, lookupsFor, selectCallKeys } from './call-keys.ts';
import type { CallRow } from './calls.ts';
import { toNumberKey } from './number-key.ts';
import { loadSql } from './sql.ts';

const SELECT_BY_KEY = loadSql('select-calls-by-key');
const SELECT_STATISTICS = loadSql('select-call-statistics');

export interface CallPageRequest extends KeyRange {
  readonly limit: number;
}

/** A call as the newest persisted entry about it says. Times are ISO 8601; null is what nobody knows. */
export interface CallRecord
  extends Pick<
    CallRow,
    | 'callId'
    | 'conversationId'
    | 'state'
    | 'direction'
    | 'disposition'
    | 'startedAt'
    | 'ringingAt'
    | 'answeredAt'
    | 'endedAt'
    | 'did'
    | 'answeredBy'
    | 'dns'
    | 'ringMs'
    | 'talkMs'
    | 'epoch'
    | 'seq'
  > {
  /** When it was first seen, Unix ms: with `callId` its key. */
  readonly at: number;
  readonly caller: CallRecordParty;
  readonly callee: CallRecordParty;
  readonly via: { readonly dn: string; readonly type: CallRow['viaType'] } | null;
}

interface CallRecordParty {
  readonly number: string | null;
  readonly name: string | null;
  readonly dn: string | null;
}

export interface CallPage {
  readonly calls: readonly CallRecord[];
  /**
   * What to go on behind: `before` when the newest come first, else `after`. It may come with fewer calls than were asked
   * for, or none: a combination of filters that few calls meet is looked for one stretch after the other. Null: that is
   * all.
   */
  readonly next: CallKey | null;
}

/** Keys asked for at once when the calls have to be read to know which of them the filters leave. */
const STEP = 500;
/** Calls that one page reads at most before it says how far it got. */
const MAX_READ = 1_000;

export async function selectCalls(pool: pg.Pool, filters: CallFilters, page: CallPageRequest): Promise<CallPage> {
  const { limit, newestFirst } = page;
  const lookups = lookupsFor(filters);
  // One more than asked for tells whether there are others.
  const step = lookups.length > 1 ? Math.max(STEP, limit + 1) : limit + 1;
  let range = { ...narrow(page, filters), limit: step };
  const first = await selectFewest(pool, { lookups, filters }, range);
  let keys = first.keys;
  const found: CallRecord[] = [];
  for (let read = 0; ; ) {
    const last = keys.at(-1);
    found.push(...inOrder(await selectByKey(pool, filters, keys), newestFirst));
    read += keys.length;
    if (found.length > limit) {
      const calls = found.slice(0, limit);
      return { calls, next: toKey(calls.at(-1)) };
    }
    if (!last || keys.length < step) return { calls: found, next: null };
    if (read >= MAX_READ || found.length === limit) return { calls: found, next: last };
    range = newestFirst ? { ...range, before: last } : { ...range, after: last };
    keys = await selectCallKeys(pool, { lookup: first.lookup, filters }, range);
  }
}

/**
 * The first step of the lookup that leaves fewest, and the lookup to go on with: of each so many keys are read, and the
 * one whose keys reach farthest has them farthest apart. A customer's number has ten calls, the main number half of all.
 */
async function selectFewest(
  pool: pg.Pool,
  { lookups, filters }: { lookups: [Lookup, ...Lookup[]]; filters: CallFilters },
  range: KeyRange & { limit: number },
): Promise<{ lookup: Lookup; keys: CallKey[] }> {
  const [first, ...others] = lookups;
  let best = { lookup: first, keys: await selectCallKeys(pool, { lookup: first, filters }, range) };
  for (const lookup of others) {
    // It ends here already: nothing reaches farther.
    if (best.keys.length < range.limit) break;
    const keys = await selectCallKeys(pool, { lookup, filters }, range);
    const [end, bestEnd] = [keys.at(-1), best.keys.at(-1)];
    const isFarther = end && bestEnd && compareKeys(end, bestEnd) * (range.newestFirst ? -1 : 1) > 0;
    if (keys.length < range.limit || isFarther) best = { lookup, keys };
  }
  return best;
}

function inOrder(calls: CallRecord[], newestFirst: boolean): CallRecord[] {
  return calls.sort(newestFirst ? (one, other) => compareKeys(other, one) : compareKeys);
}

/** The filters' times as keys; ids are never empty, so these stand before all of their millisecond. */
function narrow(page: CallPageRequest, { from, to }: CallFilters): KeyRange {
  const lowest = from ? { at: from.getTime(), callId: '' } : null;
  const highest = to ? { at: to.getTime() + 1, callId: '' } : null;
  return {
    newestFirst: page.newestFirst,
    after: lowest && (!page.after || compareKeys(lowest, page.after) > 0) ? lowest : page.after,
    before: highest && (!page.before || compareKeys(highest, page.before) < 0) ? highest : page.before,
  };
}

function toKey(call: CallRecord | undefined): CallKey | null {
  return call ? { at: call.at, callId: call.callId } : null;
}

interface StoredCall {
  call_id: string;
  at: number;
  conversation_id: string;
  state: CallRow['state'];
  direction: NonNullable<CallRow['direction']> | 'unknown';
  disposition: NonNullable<CallRow['disposition']> | 'unknown';
  started_at: Date | null;
  ringing_at: Date | null;
  answered_at: Date | null;
  ended_at: Date | null;
  caller_number: string | null;
  caller_name: string | null;
  caller_dn: string | null;
  callee_number: string | null;
  callee_name: string | null;
  callee_dn: string | null;
  did: string | null;
  via_dn: string | null;
  via_type: CallRow['viaType'];
  answered_by: string | null;
  dns: string[];
  ring_ms: number | null;
  talk_ms: number | null;
  epoch: string;
  seq: number;
}

/** All filters again: a call may have changed since its key was read. */
async function selectByKey(pool: pg.Pool, filters: CallFilters, keys: readonly CallKey[]): Promise<CallRecord[]> {
  if (keys.length === 0) return [];
  const { rows } = await pool.query<StoredCall>({
    name: 'calls-by-key',
    text: SELECT_BY_KEY,
    values: [
      keys.map(({ at }) => new Date(at).toISOString()),
      keys.map(({ callId }) => callId),
      filters.directions ?? ALL_DIRECTIONS,
      filters.dispositions ?? ALL_DISPOSITIONS,
      filters.dns ?? null,
      filters.numbers?.map(toNumberKey) ?? null,
      filters.queues ?? null,
      filters.scopeDns ?? null,
    ],
  });
  return rows.map(toRecord);
}

function toRecord(row: StoredCall): CallRecord {
  return {
    callId: row.call_id,
    at: Math.round(row.at),
    conversationId: row.conversation_id,
    state: row.state,
    direction: row.direction === 'unknown' ? null : row.direction,
    disposition: row.disposition === 'unknown' ? null : row.disposition,
    startedAt: row.started_at?.toISOString() ?? null,
    ringingAt: row.ringing_at?.toISOString() ?? null,
    answeredAt: row.answered_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    caller: { number: row.caller_number, name: row.caller_name, dn: row.caller_dn },
    callee: { number: row.callee_number, name: row.callee_name, dn: row.callee_dn },
    did: row.did,
    via: row.via_dn === null ? null : { dn: row.via_dn, type: row.via_type },
    answeredBy: row.answered_by,
    dns: row.dns,
    ringMs: row.ring_ms,
    talkMs: row.talk_ms,
    epoch: row.epoch,
    seq: row.seq,
  };
}

export interface StatisticsRequest {
  /** Whole hours (UTC): those that begin at `from` or later … */
  readonly from: Date;
  /** … and before `to`. */
  readonly to: Date;
  readonly by: 'hour' | 'day' | 'month';
  /** IANA name; where it is off UTC by half an hour, an hour belongs to the day that it begins in. */
  readonly timeZone: string;
  readonly of: 'all' | 'dn' | 'queue';
  readonly ids?: readonly string[] | undefined;
  readonly directions?: readonly (typeof ALL_DIRECTIONS)[number][] | undefined;
  /** The first so many rows; undefined: all. */
  readonly limit?: number | undefined;
}

/** Calls that ended, in the period in which they were first seen; they stay when the calls themselves are dropped. */
export interface CallStatistics {
  /** Beginning of the period, ISO 8601. */
  readonly period: string;
  /** Extension, queue or ring group; empty for `all`. */
  readonly id: string;
  readonly calls: number;
  readonly answered: number;
  readonly missed: number;
  readonly abandoned: number;
  readonly busy: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly unknown: number;
  /** Of those of which it is known whether they were answered; null when there are none. */
  readonly answeredShare: number | null;
  readonly ring: DurationSum;
  readonly talk: DurationSum;
}

/** Of the calls of which it is known. */
export interface DurationSum {
  readonly calls: number;
  readonly sumMs: number;
  readonly meanMs: number | null;
}

type StatisticsRow = Pick<
  CallStatistics,
  'id' | 'calls' | 'answered' | 'missed' | 'abandoned' | 'busy' | 'failed' | 'cancelled' | 'unknown'
> & { period: Date; ringMs: number; ringCount: number; talkMs: number; talkCount: number };

/** Periods in order, without those in which nothing happened. */
export async function selectCallStatistics(pool: pg.Pool, request: StatisticsRequest): Promise<CallStatistics[]> {
  const { of, ids, directions, from, to, by, timeZone, limit } = request;
  const values = [of, ids ?? null, directions ?? null, from, to, by, timeZone, limit ?? null];
  const { rows } = await pool.query<StatisticsRow>(SELECT_STATISTICS, values);
  return rows.map(({ period, ringMs, ringCount, talkMs, talkCount, ...counts }) => ({
    period: period.toISOString(),
    ...counts,
    answeredShare: shareOf(counts.answered, counts.calls - counts.unknown),
    ring: { calls: ringCount, sumMs: ringMs, meanMs: shareOf(ringMs, ringCount) },
    talk: { calls: talkCount, sumMs: talkMs, meanMs: shareOf(talkMs, talkCount) },
  }));
}

function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
