import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { type TrimLimits, trimChannels } from '../../services/worker/trim/trim.ts';
import { createTrimMetrics } from '../../services/worker/trim/trim-metrics.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createLogWriter, entries, entry, type LogWriter, readWholeLog } from './fixtures/log-writer.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

const HOUR_MS = 3_600_000;
const PLENTY = 1024 ** 4;
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let proxy: TcpProxy;
let connection: RedisConnection;
let store: PostgresPool;
let pbxId: string;
let keys: LogKeys;
let writer: LogWriter;

beforeEach(async () => {
  const [testDatabase, server] = await Promise.all([createTestDatabase(), createTestRedis()]);
  database = testDatabase;
  proxy = await startTcpProxy(database.url);
  connection = connectRedis(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: proxy.url, name: 'test', max: 4, logger });
  pbxId = server.pbxId;
  keys = createLogKeys(pbxId);
  writer = createLogWriter(connection.redis, keys);
});

afterEach(async () => {
  await store.stop();
  await proxy.stop();
  await connection.stop();
  await database.drop();
});

async function drain(): Promise<void> {
  const { pool } = store;
  const months = createMonths({ pool, logger }, sameDays(400));
  const metrics = createPersistMetrics(createMetrics('test'));
  await drainChannel(
    { redis: connection.redis, keys, pool, months, metrics, logger },
    'calls',
    AbortSignal.timeout(9_000),
  );
}

async function trim(limits: Partial<TrimLimits>): Promise<void> {
  const metrics = createTrimMetrics(createMetrics('test'));
  const deps = { redis: connection.redis, keys, pool: store.pool, logger, metrics };
  await trimChannels(deps, { hours: 24, maxBytes: PLENTY, ...limits }, AbortSignal.timeout(9_000));
}

async function kept(): Promise<number[]> {
  const log = await readWholeLog(connection.redis, pbxId);
  return log.map(found => found.seq);
}

function hoursOld(hours: number) {
  return { at: Date.now() - hours * HOUR_MS };
}

test('what is persisted and too old goes, what is younger stays, and the log says up to where it was trimmed', async () => {
  await writer.append([entry(1, hoursOld(30)), entry(2, hoursOld(25)), entry(3, hoursOld(23)), entry(4)]);
  await drain();
  await trim({});
  expect(await kept()).toEqual([3, 4]);
  expect(await connection.redis.hget(keys.meta('calls'), 'trimmed')).toBe('2');
});

test('nothing that is not persisted goes, however old and however much it is', async () => {
  await writer.append([entry(1, hoursOld(99)), entry(2, hoursOld(99))]);
  await trim({ maxBytes: 1 });
  expect(await kept()).toEqual([1, 2]);
  await drain();
  await writer.append([entry(3, hoursOld(99)), entry(4, hoursOld(99))]);
  await trim({ maxBytes: 1 });
  expect(await kept()).toEqual([3, 4]);
});

test('while PostgreSQL is away the job fails and nothing goes', async () => {
  await writer.append([entry(1, hoursOld(99))]);
  await drain();
  await proxy.cut();
  await expect(trim({})).rejects.toThrow();
  expect(await kept()).toEqual([1]);
});

test('over the byte budget the oldest go, in several steps, until it holds', async () => {
  for (let n = 1; n <= 14_000; n += 1_000) await writer.append(entries(n, n + 999));
  await drain();
  const bytes = (await connection.redis.memory('USAGE', keys.log('calls'))) ?? 0;
  await trim({ maxBytes: Math.floor(bytes / 7) });
  const left = await kept();
  expect(left.at(-1)).toBe(14_000);
  expect(left.length).toBeGreaterThan(1_500);
  expect(left.length).toBeLessThan(2_500);
});

test('a log that was begun again is not trimmed by the position of the one before', async () => {
  await writer.append(entries(1, 10));
  await drain();
  await connection.redis.del(keys.log('calls'), keys.meta('calls'));
  await createLogWriter(connection.redis, keys).append([entry(1, hoursOld(99)), entry(2, hoursOld(99))]);
  await trim({});
  expect(await kept()).toEqual([1, 2]);
});

test('a fully trimmed log goes on with the next number', async () => {
  await writer.append([entry(1, hoursOld(99)), entry(2, hoursOld(99))]);
  await drain();
  await trim({});
  expect(await kept()).toEqual([]);
  expect(await writer.append([entry(3)])).toBe(3);
  await drain();
  expect((await store.pool.query('SELECT 1 FROM events')).rows).toHaveLength(3);
});
