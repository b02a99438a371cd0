import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import type { CallFilters, CallKey } from '@3cx-relay/shared/store/call-filters.ts';
import { type CallRecord, selectCalls } from '@3cx-relay/shared/store/call-history.ts';
import type { CallRow } from '@3cx-relay/shared/store/calls.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { HOUR_MS, callRow as row, storeCalls } from './fixtures/call-rows.ts';
import { DNS, NUMBERS, stories, type Told, type ToldCall } from './fixtures/call-stories.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const ALL: CallFilters = {};
let database: TestDatabase;
let store: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  store = createPool({ databaseUrl: database.url, name: 'test', max: 4, logger });
  // Stands for a process that dies when everything is written and nothing committed.
  await store.pool.query(`
    CREATE TABLE dying (yes boolean);
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF EXISTS (SELECT FROM dying) THEN RAISE EXCEPTION 'killed'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER die BEFORE UPDATE ON log_positions FOR EACH ROW EXECUTE FUNCTION die();`);
});

afterAll(async () => {
  await store?.stop();
  await database?.drop();
});

beforeEach(clear);

async function clear(): Promise<void> {
  await store.pool.query(
    "DELETE FROM events; DELETE FROM calls; DELETE FROM call_parties; DELETE FROM call_sums; DELETE FROM log_epochs; UPDATE log_positions SET epoch = NULL, seq = 0 WHERE channel = 'calls'",
  );
}

async function drain(filler: LogFiller, pbxId: string): Promise<void> {
  const deps = {
    redis: filler.redis,
    keys: createLogKeys(pbxId),
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
  };
  await drainChannel(deps, 'calls', AbortSignal.timeout(20_000));
}

/** Tells the entries batch by batch; before the batches in `deaths` one is lost on the way. */
async function persist(told: readonly Told[], batches: readonly number[], deaths: ReadonlySet<number>): Promise<void> {
  const { url, pbxId } = await createTestRedis();
  const filler = createLogFiller({ redisUrl: url, pbxId });
  try {
    let from = 0;
    for (let n = 0; from < told.length; n += 1) {
      const to = from + (batches[n % batches.length] ?? told.length);
      await filler.append(told.slice(from, to).map(({ entry }) => entry));
      from = to;
      if (deaths.has(n)) {
        await store.pool.query('INSERT INTO dying VALUES (true)');
        await expect(drain(filler, pbxId)).rejects.toThrow('killed');
        await store.pool.query('TRUNCATE dying');
      }
      await drain(filler, pbxId);
    }
  } finally {
    await filler.stop();
  }
}

/** The calls as the entries leave them, by id, made without looking at how the product does it. */
function fold(told: readonly Told[]): ToldCall[] {
  const calls = new Map(told.flatMap(({ calls }) => calls).map(call => [call.callId, call]));
  return [...calls.values()].sort((one, other) => (one.callId < other.callId ? -1 : 1));
}

const sightOf = (call: ToldCall) => Number.parseInt(call.callId.slice(0, 8), 36);
const digitsOf = (number: string) => number.replaceAll(/[^0-9]/g, '').replace(/^00/, '');
const msBetween = (from: string | null, to: string | null) =>
  from && to && to >= from ? Date.parse(to) - Date.parse(from) : null;

function dnsOf({ caller, callee, answeredBy, legs, formerLegs, via }: ToldCall): string[] {
  const all = [
    caller.dn,
    callee.dn,
    answeredBy,
    ...legs.map(({ dn }) => dn),
    ...formerLegs.map(({ dn }) => dn),
    via?.dn,
  ];
  return [...new Set(all.filter(dn => dn != null))].sort();
}

function numbersOf({ caller, callee, did }: ToldCall): string[] {
  return [caller.number, callee.number, did].flatMap(number => (number === null ? [] : digitsOf(number)));
}

function ringMsOf({ state, disposition, ringingAt, answeredAt, endedAt }: ToldCall): number | null {
  if (state !== 'ended') return null;
  if (answeredAt) return msBetween(ringingAt, answeredAt);
  return disposition && disposition !== 'answered' ? msBetween(ringingAt, endedAt) : null;
}

const talkMsOf = (call: ToldCall) => (call.state === 'ended' ? msBetween(call.answeredAt, call.endedAt) : null);

function toComparable(call: CallRecord): object {
  const { at, epoch, seq, dns, ...rest } = call;
  return { ...rest, dns: [...dns].sort() };
}

function toExpected(call: ToldCall): object {
  const { legs, formerLegs, ...rest } = call;
  return { ...rest, dns: dnsOf(call), ringMs: ringMsOf(call), talkMs: talkMsOf(call) };
}

/** Every page, one behind the other. */
async function walk(filters: CallFilters, page: { newestFirst: boolean; limit: number }): Promise<CallRecord[]> {
  const calls: CallRecord[] = [];
  let next: CallKey | null = null;
  do {
    const range: { after: CallKey | null; before: CallKey | null } = page.newestFirst
      ? { after: null, before: next }
      : { after: next, before: null };
    const found = await selectCalls(store.pool, filters, { ...page, ...range });
    expect(found.calls.length).toBeLessThanOrEqual(page.limit);
    calls.push(...found.calls);
    next = found.next;
  } while (next);
  return calls;
}

function expectedHours(calls: readonly ToldCall[]): Map<string, number[]> {
  const hours = new Map<string, number[]>();
  for (const call of calls.filter(({ state }) => state === 'ended')) {
    const hour = Math.floor(sightOf(call) / 3_600_000) * 3_600_000;
    const [ring, talk] = [ringMsOf(call), talkMsOf(call)];
    const disposition = call.disposition ?? 'unknown';
    const is = (word: string) => Number(disposition === word);
    const counts = [
      1,
      ...['answered', 'missed', 'abandoned', 'busy', 'failed', 'cancelled', 'unknown'].map(is),
      ...[ring ?? 0, Number(ring !== null), talk ?? 0, Number(talk !== null)],
    ];
    const keys = ['all ', ...dnsOf(call).map(dn => `dn ${dn}`), ...(call.via ? [`queue ${call.via.dn}`] : [])];
    for (const key of keys.map(each => `${each} ${hour} ${call.direction ?? 'unknown'}`)) {
      hours.set(
        key,
        counts.map((count, i) => count + (hours.get(key)?.[i] ?? 0)),
      );
    }
  }
  return hours;
}

async function storedHours(): Promise<Map<string, number[]>> {
  const { rows } = await store.pool.query({
    rowMode: 'array',
    text: `SELECT kind || ' ' || id || ' ' || (extract(epoch FROM hour) * 1000)::bigint || ' ' || direction,
      calls::int, answered::int, missed::int, abandoned::int, busy::int, failed::int, cancelled::int, unknown::int,
      ring_ms::float8, ring_count::int, talk_ms::float8, talk_count::int
      FROM call_hours WHERE calls <> 0 OR ring_ms <> 0 OR talk_ms <> 0 OR unknown <> 0`,
  });
  return new Map(rows.map(([key, ...counts]) => [key, counts]));
}

const partOf = <Value>(values: readonly Value[]) =>
  fc.option(fc.subarray([...values], { minLength: 0, maxLength: 3 }), { nil: undefined, freq: 2 });

const filtersArbitrary = fc.record({
  days: fc.option(fc.tuple(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 80 })), { nil: undefined }),
  dns: partOf(DNS),
  numbers: partOf(NUMBERS),
  queues: partOf(DNS),
  scopeDns: partOf(DNS),
  directions: partOf(['inbound', 'outbound', 'internal', 'unknown'] as const),
  dispositions: partOf(['answered', 'missed', 'busy', 'unknown'] as const),
  callIds: fc.option(fc.nat(), { nil: undefined, freq: 1 }),
  limit: fc.integer({ min: 1, max: 12 }),
  newestFirst: fc.boolean(),
});

type Wanted = typeof filtersArbitrary extends fc.Arbitrary<infer Value> ? Value : never;

function toFilters(wanted: Wanted, calls: readonly ToldCall[]): CallFilters {
  const { days, callIds, limit, newestFirst, ...lists } = wanted;
  const filters = Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined));
  return {
    ...filters,
    ...(days && { from: new Date(Date.now() - Math.max(...days) * 86_400_000) }),
    ...(days && { to: new Date(Date.now() - Math.min(...days) * 86_400_000) }),
    ...(callIds !== undefined && {
      callIds: ['nonsense', ...calls.filter((_, n) => (n + callIds) % 3 === 0).map(c => c.callId)],
    }),
  };
}

function naiveFilter(calls: readonly ToldCall[], filters: CallFilters): ToldCall[] {
  const meets = (wanted: readonly string[] | undefined, has: readonly string[]) =>
    wanted === undefined || wanted.some(each => has.includes(each));
  return calls.filter(
    call =>
      (!filters.from || sightOf(call) >= filters.from.getTime()) &&
      (!filters.to || sightOf(call) <= filters.to.getTime()) &&
      meets(filters.dns, dnsOf(call)) &&
      meets(filters.scopeDns, dnsOf(call)) &&
      meets(
        filters.numbers?.map(digitsOf).filter(key => key !== ''),
        numbersOf(call),
      ) &&
      meets(filters.queues, call.via ? [call.via.dn] : []) &&
      meets(filters.callIds, [call.callId]) &&
      meets(filters.directions, [call.direction ?? 'unknown']) &&
      meets(filters.dispositions, [call.disposition ?? 'unknown']),
  );
}

test('calls are what the last entry about each says, the sums are theirs, and pages are all that meet the filters', {
  timeout: 120_000,
}, async () => {
  const batches = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
  const deaths = fc.uniqueArray(fc.nat({ max: 4 }), { maxLength: 1 });
  const filters = fc.array(filtersArbitrary, { minLength: 12, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(stories, batches, deaths, filters, async (told, sizes, dying, wanted) => {
      await clear();
      await persist(told, sizes, new Set(dying));
      const expected = fold(told);
      const found = await walk(ALL, { newestFirst: false, limit: 100 });
      expect(found.map(toComparable)).toEqual(expected.map(toExpected));
      expect(await storedHours()).toEqual(expectedHours(expected));
      for (const each of wanted) {
        const asked = toFilters(each, expected);
        const ids = naiveFilter(expected, asked).map(({ callId }) => callId);
        const page = { newestFirst: each.newestFirst, limit: each.limit };
        const walked = await walk(asked, page);
        expect(walked.map(({ callId }) => callId)).toEqual(each.newestFirst ? ids.reverse() : ids);
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
});

const upsert = (...rows: CallRow[]) => storeCalls(store.pool, rows);

async function hours(): Promise<Record<string, number>[]> {
  const { rows } = await store.pool.query(
    "SELECT calls::int, answered::int, missed::int, talk_ms::int FROM call_hours WHERE kind = 'all' ORDER BY hour",
  );
  return rows;
}

test('an older entry changes nothing, and a later disposition moves the call from one sum to the other', async () => {
  const at = Date.now() - HOUR_MS;
  const open = row(5, at, { state: 'connected', disposition: null });
  await upsert(open);
  expect(await hours()).toEqual([]);
  await upsert({ ...open, seq: 9, state: 'ended', disposition: 'missed' });
  expect(await hours()).toEqual([{ calls: 1, answered: 0, missed: 1, talk_ms: 0 }]);
  await upsert({ ...open, seq: 8, state: 'ended', disposition: 'answered', talkMs: 7 });
  await upsert({ ...open, epoch: 'm5k2h7q9', seq: 99, state: 'ended', disposition: 'answered', talkMs: 7 });
  expect(await hours()).toEqual([{ calls: 1, answered: 0, missed: 1, talk_ms: 0 }]);
  await upsert({ ...open, epoch: 'm5k2h7qb', seq: 2, state: 'ended', disposition: 'answered', talkMs: 40 });
  expect(await hours()).toEqual([{ calls: 1, answered: 1, missed: 0, talk_ms: 40 }]);
  const { calls } = await selectCalls(store.pool, ALL, { after: null, before: null, newestFirst: true, limit: 9 });
  expect(calls.map(({ epoch, seq }) => [epoch, seq])).toEqual([['m5k2h7qb', 2]]);
});

test('a call that somebody changes by hand is counted as it then is, and whoever no longer takes part is not found', async () => {
  await upsert(row(1, Date.now() - HOUR_MS));
  await store.pool.query("UPDATE calls SET disposition = 'missed', dns = '{102}'");
  expect(await hours()).toEqual([{ calls: 1, answered: 0, missed: 1, talk_ms: 0 }]);
  const page = { after: null, before: null, newestFirst: true, limit: 9 };
  expect((await selectCalls(store.pool, { dns: ['101'] }, page)).calls).toHaveLength(0);
  expect((await selectCalls(store.pool, { dns: ['102'] }, page)).calls).toHaveLength(1);
});

test('months of calls that are dropped leave the sums of their hours', async () => {
  const months = createMonths({ pool: store.pool, logger }, sameDays(400));
  const past = Date.now() - 100 * 24 * HOUR_MS;
  await months.ensure('calls', [past]);
  await months.ensure('call_parties', [past]);
  // The second waits in the default partition, from which single rows are deleted.
  await upsert(row(1, past, { talkMs: 50 }), row(2, Date.UTC(1999, 0), { talkMs: 60 }), row(3, Date.now()));
  const before = await hours();
  await createMonths({ pool: store.pool, logger }, sameDays(30)).dropPast();
  const { calls } = await selectCalls(store.pool, ALL, { after: null, before: null, newestFirst: true, limit: 9 });
  expect(calls.map(({ seq }) => seq)).toEqual([3]);
  expect((await store.pool.query('SELECT FROM call_parties')).rowCount).toBe(1);
  expect(await hours()).toEqual(before);
  expect(before.map(({ talk_ms: talk }) => talk)).toEqual([60, 50, 0]);
});

test('what few calls meet is looked for in stretches, and the pages end with all of it', async () => {
  const total = 8_000;
  const at = Date.now() - HOUR_MS;
  // Every other call is the extension's and every other one the number's; four are both's.
  const isBoth = (n: number) => n % 2_000 === 7;
  const calls = Array.from({ length: total }, (_, n) => {
    const isOfNumber = n % 2 === 0 || isBoth(n);
    return row(n, at + n, { numberKeys: isOfNumber ? ['4930'] : [], dns: n % 2 === 1 ? ['101'] : ['102'] });
  });
  await upsert(...calls);
  const filters = { numbers: ['+4930'], dns: ['101'] };
  const first = await selectCalls(store.pool, filters, { after: null, before: null, newestFirst: true, limit: 50 });
  // A page reads no more than its share, whatever it finds there.
  expect(first.calls.map(({ seq }) => seq)).toEqual([6_007]);
  expect(first.next).toEqual({ at: at + 6_002, callId: calls[6_002]?.callId });
  const walked = await walk(filters, { newestFirst: true, limit: 50 });
  expect(walked.map(({ seq }) => seq)).toEqual([6_007, 4_007, 2_007, 7]);
  expect((await walk(filters, { newestFirst: false, limit: 2 })).map(({ seq }) => seq)).toEqual([
    7, 2_007, 4_007, 6_007,
  ]);
});
