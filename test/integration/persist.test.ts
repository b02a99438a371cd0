import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel, type PersistDeps } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startService } from '../harness/processes.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createLogWriter, entries, entry, readAllRows, readWholeLog } from './fixtures/log-writer.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let server: TestRedis;
let connection: RedisConnection;
let store: PostgresPool;
let keys: LogKeys;
let deps: PersistDeps;

beforeEach(async () => {
  [database, server] = await Promise.all([createTestDatabase(), createTestRedis()]);
  connection = connectRedis(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 6, logger });
  keys = createLogKeys(server.pbxId);
  deps = {
    redis: connection.redis,
    keys,
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
  };
});

afterEach(async () => {
  await store.stop();
  await connection.stop();
  await database.drop();
});

async function drain(): Promise<number> {
  const { rows } = await drainChannel(deps, 'calls', AbortSignal.timeout(20_000));
  return rows;
}

test('rows are the log, byte for byte', async () => {
  const bodies = [
    '{"at":"2026-11-22T12:00:00.000Z","data":null}',
    '{ "spaces" :  [1 , 2],"twice":1,"twice":2, "big":12345678901234567890.10 }',
    '{"text":"Ünï©ödé 😀 \\u0000 \\ud800 \\" \\\\ \\/"}',
    `{"long":"${'x'.repeat(300_000)}"}`,
  ];
  const writer = createLogWriter(connection.redis, keys);
  await writer.append(bodies.map((body, n) => entry(n, { body })));
  await writer.append([{ type: 'gap', at: 1_700_000_000_123, body: '{"lost":null}' }]);
  expect(await drain()).toBe(5);
  const rows = await readAllRows(store.pool);
  expect(rows).toEqual(await readWholeLog(connection.redis, server.pbxId));
  expect(rows.slice(0, 4).map(row => row.body)).toEqual(bodies);
});

test('a second run finds nothing to do and the next entries go on where it ended', async () => {
  const writer = createLogWriter(connection.redis, keys);
  await writer.append(entries(1, 10));
  expect(await drain()).toBe(10);
  expect(await drain()).toBe(0);
  await writer.append(entries(11, 12));
  expect(await drain()).toBe(2);
});

test('two workers at once never write an entry twice', async () => {
  const writer = createLogWriter(connection.redis, keys);
  const total = 12_000;
  let isWriting = true;
  const write = async () => {
    for (let n = 1; n <= total; n += 300) await writer.append(entries(n, n + 299));
    isWriting = false;
  };
  const copy = async () => {
    let rows = 0;
    while (isWriting) rows += await drain();
    return rows;
  };
  const [, first, second] = await Promise.all([write(), copy(), copy()]);
  expect(first + second + (await drain())).toBe(total);
  expect(await readAllRows(store.pool)).toEqual(await readWholeLog(connection.redis, server.pbxId));
});

test('killed before or during any statement, the rows are the log and none is doubled', {
  timeout: 120_000,
}, async () => {
  const writer = createLogWriter(connection.redis, keys);
  let written = 0;
  const program = fileURLToPath(new URL('./fixtures/drain-and-die.ts', import.meta.url));
  for (const moment of ['before', 'sent']) {
    // A batch of 100 in seven statements, and the first two of the next.
    for (let nth = 1; nth <= 9; nth += 1) {
      await writer.append(entries(written + 1, written + 105));
      written += 105;
      const args = [program, server.pbxId, server.url, database.url, String(nth), moment, 'calls', '100'];
      const child = spawn(process.execPath, args, { stdio: 'inherit' });
      await once(child, 'exit');
      expect([child.signalCode, nth]).toEqual(['SIGKILL', nth]);
      // PostgreSQL may still be finishing what the dead process sent.
      await waitFor(() => isPrefixOfLog(), { what: `rows to be a prefix of the log after ${moment} ${nth}` });
    }
  }
  await waitFor(async () => (await drain()) >= 0 && (await countRows()) === written, { what: 'all rows' });
  expect(await readAllRows(store.pool)).toEqual(await readWholeLog(connection.redis, server.pbxId));
});

test('the worker process, killed again and again, ends with every entry once', { timeout: 60_000 }, async () => {
  const writer = createLogWriter(connection.redis, keys);
  const env = { PBX_ID: server.pbxId, REDIS_URL: server.url, DATABASE_URL: database.url };
  let written = 0;
  for (let round = 0; round < 3; round += 1) {
    const worker = await startService('worker', env);
    for (let batch = 0; batch < 10; batch += 1) {
      await writer.append(entries(written + 1, written + 400));
      written += 400;
    }
    await waitFor(async () => (await countRows()) > round * 4_000, { what: 'the worker to have begun', everyMs: 5 });
    await worker.kill();
  }
  const worker = await startService('worker', env);
  await waitFor(async () => (await countRows()) >= written, { what: 'the worker to catch up', timeoutMs: 20_000 });
  await worker.stop();
  expect(await readAllRows(store.pool)).toEqual(await readWholeLog(connection.redis, server.pbxId));
});

test('an entry that PostgreSQL refuses is stored as text and holds up nothing', async () => {
  const writer = createLogWriter(connection.redis, keys);
  const nested = `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  await writer.append([
    ...entries(1, 5),
    entry(6, { body: nested }),
    entry(7, { body: 'not JSON' }),
    entry(8, { dn: 'nul \0 inside' }),
    entry(9, { call: 'c'.repeat(20_000).replaceAll(/c/g, () => String.fromCharCode(33 + Math.random() * 90)) }),
    entry(10, { at: 8.64e17 }),
    entry(11, { body: '{"one":1}\u001E{"two":2}' }),
    entry(12, { body: '' }),
    entry(13, { at: Number.NaN }),
    ...entries(14, 15),
  ]);
  expect(await drain()).toBe(15);
  const rows = await readAllRows(store.pool);
  expect(rows.map(row => row.seq)).toEqual(entries(1, 15).map((_, i) => i + 1));
  expect(JSON.parse(rows[10]?.body ?? '')).toEqual({ unstorable: '{"one":1}\u001E{"two":2}' });
  expect(JSON.parse(rows[5]?.body ?? '')).toEqual({ unstorable: nested });
  expect(rows[7]?.dn).toBe('nul \uFFFD inside');
  // Not in 1970, where retention would take it away.
  for (const index of [9, 12]) expect(rows[index]?.at).toBeGreaterThan(Date.now() - 60_000);
  const log = await readWholeLog(connection.redis, server.pbxId);
  expect(rows.slice(13)).toEqual(log.slice(13));
});

test('rows of a month that nobody created get their month', async () => {
  const writer = createLogWriter(connection.redis, keys);
  const monthAgo = new Date(Date.now() - 45 * 24 * 3_600_000);
  await writer.append([entry(1, { at: monthAgo.getTime() }), entry(2), entry(3, { at: Date.UTC(1999, 0) })]);
  await drain();
  const { rows } = await store.pool.query<{ partition: string }>(
    'SELECT tableoid::regclass::text AS partition FROM events ORDER BY seq',
  );
  const month = monthAgo.toISOString().slice(0, 7).replace('-', '_');
  expect(rows[0]?.partition).toBe(`events_calls_${month}`);
  expect(rows[2]?.partition).toBe('events_calls_default');
});

test('a new epoch after a failover that lost the tail is copied with its gap entry', async () => {
  const writer = createLogWriter(connection.redis, keys);
  await writer.append(entries(1, 20));
  await drain();
  await loseTail(15);
  await writer.append(entries(21, 25));
  await drain();
  const rows = await readAllRows(store.pool);
  expect(rows.slice(20).map(row => [row.seq, row.type])).toEqual([
    [21, 'gap'],
    [22, 'call_event'],
    [23, 'call_event'],
    [24, 'call_event'],
    [25, 'call_event'],
    [26, 'call_event'],
  ]);
  expect(new Set(rows.map(row => row.epoch)).size).toBe(2);
});

test('numbers that PostgreSQL has are never given out again by a writer that forgot them', async () => {
  const before = createLogWriter(connection.redis, keys);
  await before.append(entries(1, 20));
  await drain();
  await loseTail(15);
  expect(await drain()).toBe(0);
  const after = createLogWriter(connection.redis, keys);
  await after.append(entries(21, 22));
  expect(await drain()).toBe(3);
  const rows = await readAllRows(store.pool);
  expect(rows.map(row => row.seq)).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
  expect(rows[20]?.type).toBe('gap');
});

test('a log that was lost and begun again is copied from its beginning', async () => {
  await createLogWriter(connection.redis, keys).append(entries(1, 20));
  await drain();
  await connection.redis.del(keys.log('calls'), keys.meta('calls'));
  await createLogWriter(connection.redis, keys).append(entries(1, 5));
  expect(await drain()).toBe(5);
  expect(await countRows()).toBe(25);
});

test('what was read ahead and then lost with the tail of the log is not copied', async () => {
  const writer = createLogWriter(connection.redis, keys);
  await writer.append(entries(1, 30));
  const holder = await store.pool.connect();
  await holder.query('BEGIN; LOCK TABLE events IN SHARE MODE');
  const draining = drainChannel({ ...deps, batchRows: 10 }, 'calls', AbortSignal.timeout(20_000));
  const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'events'::regclass";
  await waitFor(async () => (await store.pool.query(waiting)).rowCount === 1, { what: 'the first batch to wait' });
  // Each is answered after what the persister asked before: the second batch has been read, and the log looked at again.
  for (let question = 0; question < 5; question += 1) await connection.redis.ping();
  await loseTail(10);
  await writer.append(entries(101, 105));
  await holder.query('COMMIT');
  holder.release();
  await draining;
  expect(await readAllRows(store.pool)).toEqual(await readWholeLog(connection.redis, server.pbxId));
});

/** What a failover to a replica that was behind leaves: fewer entries, and the meta data of that moment. */
async function loseTail(last: number): Promise<void> {
  const kept = (await connection.redis.xrange(keys.log('calls'), '-', `${last}-0`)) as [string, string[]][];
  await connection.redis.del(keys.log('calls'));
  for (const [id, fields] of kept) await connection.redis.xadd(keys.log('calls'), id, ...fields);
  await connection.redis.hset(keys.meta('calls'), 'seq', last);
}

async function countRows(): Promise<number> {
  const { rows } = await store.pool.query<{ n: number }>('SELECT count(*)::integer AS n FROM events');
  return rows[0]?.n ?? 0;
}

/** Rows and position agree, and the rows are 1 to n without a hole or a double. */
async function isPrefixOfLog(): Promise<boolean> {
  const { rows } = await store.pool.query<{ rows: number; highest: number; position: number; busy: number }>(`
    SELECT count(*)::integer AS rows, coalesce(max(seq), 0)::integer AS highest,
      (SELECT seq FROM log_positions WHERE channel = 'calls')::integer AS position,
      (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'drain-and-die')::integer AS busy
    FROM events`);
  const [found] = rows;
  return found !== undefined && found.busy === 0 && found.rows === found.highest && found.rows === found.position;
}
