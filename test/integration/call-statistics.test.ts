import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectCallStatistics } from '@3cx-relay/shared/store/call-history.ts';
import type { CallRow } from '@3cx-relay/shared/store/calls.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { HOUR_MS, callRow as row, storeCalls } from './fixtures/call-rows.ts';

let database: TestDatabase;
let store: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  const logger = createLogger({ name: 'test', level: 'silent' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
});

afterAll(async () => {
  await store?.stop();
  await database?.drop();
});

beforeEach(clear);

async function clear(): Promise<void> {
  await store.pool.query('DELETE FROM calls; DELETE FROM call_parties; DELETE FROM call_sums');
}

const upsert = (...rows: CallRow[]) => storeCalls(store.pool, rows);

test('statistics are the sums of the periods of a time zone, with shares and means of what is known', async () => {
  const day = Date.UTC(2026, 2, 28);
  // The clocks of Berlin go forward on 29 March: its day has 23 hours and begins at 23:00 UTC.
  await upsert(
    row(1, day + 22.5 * HOUR_MS, { talkMs: 1_000, ringMs: 300 }),
    row(2, day + 23.5 * HOUR_MS, { talkMs: 3_000 }),
    row(3, day + 44 * HOUR_MS, { disposition: 'missed', ringMs: 500, dns: ['101', '102'], viaDn: '800' }),
    row(4, day + 45.9 * HOUR_MS, { disposition: null, direction: 'outbound' }),
    row(5, day + 46.1 * HOUR_MS, { disposition: 'busy', direction: null }),
  );
  const request = {
    from: new Date(day),
    to: new Date(day + 47 * HOUR_MS),
    by: 'day',
    timeZone: 'Europe/Berlin',
  } as const;
  const found = await selectCallStatistics(store.pool, { ...request, of: 'all' });
  expect(found.map(({ period, calls, answeredShare, talk }) => [period, calls, answeredShare, talk])).toEqual([
    ['2026-03-27T23:00:00.000Z', 1, 1, { calls: 1, sumMs: 1_000, meanMs: 1_000 }],
    ['2026-03-28T23:00:00.000Z', 3, 1 / 2, { calls: 1, sumMs: 3_000, meanMs: 3_000 }],
    ['2026-03-29T22:00:00.000Z', 1, 0, { calls: 0, sumMs: 0, meanMs: null }],
  ]);
  const byMonth = { ...request, by: 'month', timeZone: 'UTC' } as const;
  const inbound = await selectCallStatistics(store.pool, { ...byMonth, of: 'dn', directions: ['inbound'] });
  expect(inbound.map(({ id, calls, missed, ring }) => [id, calls, missed, ring])).toEqual([
    ['101', 3, 1, { calls: 2, sumMs: 800, meanMs: 400 }],
    ['102', 1, 1, { calls: 1, sumMs: 500, meanMs: 500 }],
  ]);
  expect(await selectCallStatistics(store.pool, { ...byMonth, of: 'dn', ids: ['102'] })).toHaveLength(1);
  expect((await selectCallStatistics(store.pool, { ...byMonth, of: 'queue' })).map(({ id }) => id)).toEqual(['800']);
});

test('statistics by the day and month of any time zone are what the hours in them add up to', async () => {
  const day = Date.UTC(2026, 2, 20);
  const hours = fc.array(fc.nat({ max: 24 * 24 }), { minLength: 1, maxLength: 40 });
  const span = fc.tuple(fc.nat({ max: 24 * 24 * 4 }), fc.nat({ max: 24 * 24 * 4 }));
  const by = fc.constantFrom('hour', 'day', 'month');
  const timeZone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Auckland');
  await fc.assert(
    fc.asyncProperty(hours, span, by, timeZone, async (begun, [one, other], period, zone) => {
      await clear();
      await upsert(
        ...begun.map((hour, n) => row(n + 1, day + (hour + 0.5) * HOUR_MS, { dns: [n % 3 ? '101' : '102'] })),
      );
      const quarter = (n: number) => new Date(day + (n * HOUR_MS) / 4);
      const [from, to] = [quarter(Math.min(one, other)), quarter(Math.max(one, other))];
      const found = await selectCallStatistics(store.pool, { from, to, by: period, timeZone: zone, of: 'dn' });
      const { rows } = await store.pool.query<{ period: Date; id: string; calls: number }>(
        `SELECT date_trunc($3, hour, $4) AS period, id, sum(calls)::int AS calls FROM call_hours
        WHERE kind = 'dn' AND hour >= $1 AND hour < $2 GROUP BY 1, 2 ORDER BY 1, 2`,
        [from, to, period, zone],
      );
      expect(found.map(({ period: at, id, calls }) => [at, id, calls])).toEqual(
        rows.map(({ period: at, id, calls }) => [at.toISOString(), id, calls]),
      );
    }),
    { numRuns: 20 },
  );
});
