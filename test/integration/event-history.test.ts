import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { type EventHistory, type HistoryPage, readEventHistory } from '@3cx-relay/shared/store/event-history.ts';
import { insertEvents } from '@3cx-relay/shared/store/events.ts';
import type { EventHistoryQuery } from '@3cx-relay/shared/store/history/criteria.ts';
import { insertLogEpochs } from '@3cx-relay/shared/store/log-epochs.ts';
import { movePosition } from '@3cx-relay/shared/store/log-positions.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { indexEvents } from '../../services/worker/index/index-events.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths, type Months } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

const DAY_MS = 86_400_000;
const NOW = Date.now();
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let store: PostgresPool;
let months: Months;

beforeAll(async () => {
  database = await createTestDatabase();
  store = createPool({ databaseUrl: database.url, name: 'test', max: 8, logger });
  months = createMonths({ pool: store.pool, logger }, sameDays(400));
});

afterEach(forgetEverything);

afterAll(async () => {
  await store?.stop();
  await database?.drop();
});

async function forgetEverything(): Promise<void> {
  await store.pool.query('DELETE FROM events');
  await store.pool.query('DELETE FROM event_index');
  await store.pool.query('DELETE FROM log_epochs');
  await store.pool.query('UPDATE event_index_positions SET epoch = NULL, seq = 0');
  await store.pool.query('UPDATE log_positions SET epoch = NULL, seq = 0');
}

async function persist(entries: readonly LogEntry[], channel: Channel = 'calls'): Promise<void> {
  await months.ensure(
    `events_${channel}`,
    entries.map(({ at }) => at),
  );
  await inTransaction(store.pool, async client => {
    await insertEvents(client, channel, entries);
    const epochs = [...new Set(entries.map(({ epoch }) => epoch))];
    await insertLogEpochs(
      client,
      channel,
      epochs.map(epoch => ({ epoch, first: 1 })),
    );
    const last = entries.at(-1);
    if (last) await movePosition(client, channel, last);
  });
}

async function seal(segmentEvents: number, channel: Channel = 'calls'): Promise<number> {
  const { segments } = await indexEvents(
    { pool: store.pool, months, segmentEvents },
    channel,
    AbortSignal.timeout(10_000),
  );
  return segments;
}

const pageOf = (more: Partial<HistoryPage> = {}): HistoryPage => ({
  after: null,
  before: null,
  newestFirst: false,
  limit: 100,
  ...more,
});

/** Page after page to the end. */
async function readAll(
  query: EventHistoryQuery,
  page: HistoryPage,
  between: () => Promise<unknown> = async () => undefined,
): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  let rest = page;
  for (;;) {
    const { entries, next }: EventHistory = await readEventHistory(store.pool, query, rest);
    expect(entries.length).toBeLessThanOrEqual(page.limit);
    all.push(...entries);
    if (!next) return all;
    // Each page gets nearer to the end, an empty one too.
    const before = rest.newestFirst ? rest.before : rest.after;
    if (before) expect(keyOf(next) < keyOf(before)).toBe(rest.newestFirst);
    rest = rest.newestFirst ? { ...rest, before: next } : { ...rest, after: next };
    await between();
  }
}

const keyOf = ({ epoch, seq }: LogPosition) => `${epoch}_${String(seq).padStart(16, '0')}`;

/** The same question, asked of every entry by hand. */
function isAskedFor(entry: LogEntry, query: EventHistoryQuery, page: HistoryPage): boolean {
  const has = (list: string | null, wanted: readonly string[] | undefined) =>
    wanted === undefined || wanted.some(value => (list ?? '').split(',').includes(value));
  const body = JSON.parse(entry.body);
  const numbers = [body.call, ...(body.otherCalls ?? [])].flatMap(call =>
    call ? [call.caller.number, call.callee.number, call.did] : [],
  );
  const isSame = (a: string, b: string) => a.replace(/^(\+|00)/, '') === b.replace(/^(\+|00)/, '');
  return (
    (page.after === null || keyOf(entry) > keyOf(page.after)) &&
    (page.before === null || keyOf(entry) < keyOf(page.before)) &&
    entry.at >= (query.from ?? -1) &&
    entry.at <= (query.to ?? 1e15) &&
    has(entry.dn, query.dns) &&
    has(entry.dn, query.scopeDns) &&
    has(entry.event, query.events) &&
    (query.calls === undefined || query.calls.includes(entry.call ?? '')) &&
    (query.numbers === undefined || query.numbers.some(asked => numbers.some(n => n !== null && isSame(n, asked))))
  );
}

const DNS = ['101', '102', '103', '1010'];
const EVENTS = ['call.started', 'call.ringing', 'call.ended'];
const NUMBERS = ['+4930123', '004930123', '4930123', '+41555', '101'];
const CALLS = ['c1', 'c2', 'c3'];
/** Two months with partitions of their own, one that waits in the default partition; clocks are set back at times. */
const TIMES = [NOW - 70 * DAY_MS, NOW - 40 * DAY_MS, Date.UTC(1999, 11, 31, 23, 59, 59, 990)];
const number = fc.option(fc.constantFrom(...NUMBERS));

const call = fc.record({
  caller: fc.record({ number }),
  callee: fc.record({ number }),
  did: number,
});

const row = fc.record({
  month: fc.constantFrom(0, 0, 0, 0, 1, 2),
  ms: fc.nat(20),
  dn: fc.option(fc.subarray(DNS, { minLength: 1 })),
  event: fc.option(fc.subarray(EVENTS, { minLength: 1 })),
  call: fc.option(fc.constantFrom(...CALLS)),
  body: fc.record({ call: fc.option(call), otherCalls: fc.array(call, { maxLength: 1 }) }),
  step: fc.constantFrom(1, 1, 1, 1, 2, 40_000),
  isNewEpoch: fc.constantFrom(false, false, false, false, false, false, false, true),
});

type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

/** A log as the persister leaves it: numbers grow over epochs, and a month is kept for a while. */
function toLog(rows: readonly Row[]): LogEntry[] {
  let epoch = 1;
  let seq = 0;
  return rows.map((each, n) => {
    if (each.isNewEpoch) epoch += 1;
    seq += each.step;
    const month = rows[n - (n % 9)]?.month ?? 0;
    return {
      channel: 'calls',
      epoch: `m${String(epoch).padStart(7, '0')}`,
      seq,
      type: 'call_event',
      at: (TIMES[n % 7 === 6 ? each.month : month] ?? 0) + each.ms,
      body: JSON.stringify(each.body),
      dn: each.dn?.join(',') ?? null,
      call: each.call,
      event: each.event?.join(',') ?? null,
    };
  });
}

/** Absent `weight` times as often as there. */
const seldom = <Value>(value: fc.Arbitrary<Value>, weight: number) =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const some = (values: readonly string[]) => seldom(fc.subarray([...values], { minLength: 1 }), 2);
const time = seldom(
  fc.tuple(fc.constantFrom(...TIMES), fc.integer({ min: -3, max: 23 })).map(([at, ms]) => at + ms),
  1,
);

const question = fc.record({
  query: fc.record({
    channel: fc.constant<Channel>('calls'),
    from: time,
    to: time,
    dns: some(DNS),
    scopeDns: some(DNS),
    events: some(EVENTS),
    numbers: some(NUMBERS),
    calls: seldom(fc.subarray(CALLS, { minLength: 1 }), 7),
  }),
  newestFirst: fc.boolean(),
  limit: fc.constantFrom(2, 9, 30, 100),
  work: fc.constantFrom({ rows: 5, postings: 3 }, { rows: 20, postings: 9 }, { rows: 4_000, postings: 2_048 }),
  bounds: fc.tuple(seldom(fc.nat(130), 3), seldom(fc.nat(130), 3)),
});

test('pages in either direction hold what a look at every entry finds, in order, while segments are sealed', {
  timeout: 60_000,
}, async () => {
  const sealing = fc.record({ segmentEvents: fc.integer({ min: 2, max: 12 }), after: fc.nat(100) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 20, maxLength: 100, size: 'max' }),
      fc.array(sealing, { minLength: 1, maxLength: 3 }),
      fc.array(question, { minLength: 6, maxLength: 6 }),
      async (rows, sealings, questions) => {
        await forgetEverything();
        const log = toLog(rows);
        let persisted = 0;
        for (const { segmentEvents, after } of sealings.toSorted((a, b) => a.after - b.after)) {
          if (after > persisted) await persist(log.slice(persisted, after));
          persisted = Math.max(persisted, after);
          await seal(segmentEvents);
        }
        await persist(log.slice(persisted));
        for (const { query, newestFirst, limit, work, bounds } of questions) {
          const [after, before] = bounds.map(n => (n === undefined ? null : (log[n] ?? null)));
          const page = pageOf({ after: after ?? null, before: before ?? null, newestFirst, limit, work });
          const expected = log.filter(entry => isAskedFor(entry, query, page));
          let isSealed = false;
          const found = await readAll(query, page, async () => {
            if (!isSealed) await seal(30);
            isSealed = true;
          });
          expect(found).toEqual(newestFirst ? expected.reverse() : expected);
        }
      },
    ),
    // A smaller example would take minutes to find; the seed finds this one again.
    { numRuns: 6, endOnFailure: true },
  );
});

function entriesOf(from: number, to: number, more: Partial<LogEntry> = {}): LogEntry[] {
  return Array.from({ length: to - from + 1 }, (_, n) => ({
    channel: 'calls',
    epoch: 'm0000001',
    seq: from + n,
    type: 'call_event',
    at: NOW + from + n,
    body: '{"call":null}',
    dn: '101,102',
    call: null,
    event: 'call.ringing',
    ...more,
  }));
}

/** Every row of the index, and up to where it says that it goes. */
async function indexed(): Promise<{ segments: [from: number, to: number][]; position: number }> {
  const { rows } = await store.pool.query(
    "SELECT first_seq::int AS first, last_seq::int AS last FROM event_index WHERE kind = 'segment' ORDER BY epoch, first_seq",
  );
  const { rows: positions } = await store.pool.query(
    "SELECT seq::int FROM event_index_positions WHERE channel = 'calls'",
  );
  return { segments: rows.map(({ first, last }) => [first, last]), position: positions[0]?.seq };
}

test('a segment is sealed when it is full, or when its epoch or its month has ended', async () => {
  const march = Date.UTC(2026, 2, 31, 23, 59, 59, 999);
  await persist(entriesOf(1, 5, { at: march }));
  await persist(entriesOf(6, 7, { at: march + 1 }));
  await persist(entriesOf(8, 9, { at: march + 1, epoch: 'm0000002' }));
  await persist(entriesOf(10, 11, { at: march + 1, epoch: 'm0000002' }));
  expect(await seal(4)).toBe(4);
  expect(await indexed()).toEqual({
    segments: [
      [1, 4],
      [5, 5],
      [6, 7],
      [8, 11],
    ],
    position: 11,
  });
  await persist(entriesOf(12, 14, { at: march + 2, epoch: 'm0000002' }));
  expect(await seal(4)).toBe(0);
});

test('an indexer that is lost at any of its statements leaves a segment whole or not there', async () => {
  await persist(entriesOf(1, 20));
  for (let nth = 1; nth <= 7; nth += 1) {
    const before = await indexed();
    const broken = dyingPool(store.pool, nth);
    await indexEvents({ pool: broken, months, segmentEvents: 5 }, 'calls', AbortSignal.timeout(10_000)).catch(error =>
      expect(error).toMatchObject({ message: 'lost' }),
    );
    const after = await indexed();
    expect(after.segments.length * 5).toBe(after.position);
    expect(after.position).toBeGreaterThanOrEqual(before.position);
  }
  while ((await seal(5)) > 0);
  expect((await indexed()).segments).toEqual([
    [1, 5],
    [6, 10],
    [11, 15],
    [16, 20],
  ]);
});

/** A pool whose connections break at the n-th statement of a transaction; what was sent before is rolled back. */
function dyingPool(pool: PostgresPool['pool'], nth: number): PostgresPool['pool'] {
  let statements = 0;
  const connect = async () => {
    const client = await pool.connect();
    return new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<typeof client.query>) => {
          statements += 1;
          if (statements === nth) throw new Error('lost');
          return Reflect.apply(target.query, target, args);
        };
      },
    });
  };
  return new Proxy(pool, {
    get: (target, name) => (name === 'connect' ? connect : Reflect.get(target, name)),
  });
}

test('two indexers at once index every row once', async () => {
  for (let n = 1; n <= 400; n += 40) await persist(entriesOf(n, n + 39));
  const run = async () => {
    let segments = 0;
    while ((await indexed()).position < 400) segments += await seal(20);
    return segments;
  };
  const [first, second] = await Promise.all([run(), run()]);
  expect(first + second).toBe(20);
  const { segments } = await indexed();
  expect(segments).toEqual(Array.from({ length: 20 }, (_, n) => [20 * n + 1, 20 * n + 20]));
});

test('what is found by the index goes with the events, and what is left is still found', async () => {
  const now = () => NOW;
  const keeping = createMonths({ pool: store.pool, logger, now }, sameDays(400));
  const old = entriesOf(1, 6, { at: NOW - 100 * DAY_MS });
  const young = entriesOf(7, 12);
  await persist(old);
  await persist(young);
  await seal(4);
  expect(await readAll({ channel: 'calls', dns: ['102'] }, pageOf())).toEqual([...old, ...young]);
  await createMonths({ pool: store.pool, logger, now }, sameDays(60)).dropPast();
  expect(await readAll({ channel: 'calls', dns: ['102'] }, pageOf())).toEqual(young);
  expect((await indexed()).segments).toEqual([[7, 10]]);
  await keeping.createAhead();
});

test('what was persisted before there was an index is indexed like everything else', async () => {
  await persist(entriesOf(1, 50, { channel: 'audit', event: 'call.make', dn: null, body: '[]' }), 'audit');
  expect(await seal(10, 'audit')).toBe(5);
  const query = { channel: 'audit', events: ['call.make'] } as const;
  expect(await readAll(query, pageOf({ limit: 7 }))).toHaveLength(50);
  expect(await readAll({ ...query, keyIds: [1] }, pageOf())).toEqual([]);
});

test('a page with little to find does a bounded amount of work and says where to go on', async () => {
  await persist(entriesOf(1, 400));
  await seal(10);
  const query = { channel: 'calls', from: NOW + 400, dns: ['101'], events: ['call.ringing'] } as const;
  const looking = { ...query, from: undefined, events: ['call.ended', 'call.held'] };
  const work = { rows: 50, postings: 20 };
  const page = await readEventHistory(store.pool, looking, pageOf({ work }));
  expect(page).toEqual({ entries: [], next: null });
  const { entries, next } = await readEventHistory(store.pool, { ...query, dns: ['101', '102'] }, pageOf({ work }));
  expect([entries.map(({ seq }) => seq), next]).toEqual([[400], null]);
  await persist(entriesOf(401, 600, { dn: '103' }));
  const unsealed = await readEventHistory(
    store.pool,
    { channel: 'calls', dns: ['101'], from: NOW + 401 },
    pageOf({ work }),
  );
  expect(unsealed).toEqual({ entries: [], next: { epoch: 'm0000001', seq: 450 } });
});

test('a list without values and a time range without time find nothing', async () => {
  await persist(entriesOf(1, 5));
  for (const query of [{ dns: [] }, { scopeDns: [] }, { numbers: ['anonymous'] }, { from: 2, to: 1 }]) {
    expect(await readEventHistory(store.pool, { channel: 'calls', ...query }, pageOf())).toEqual({
      entries: [],
      next: null,
    });
  }
});
