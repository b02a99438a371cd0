import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createLogWriter, entries, type LogWriter } from './fixtures/log-writer.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let server: TestRedis;
let postgresProxy: TcpProxy;
let redisProxy: TcpProxy;
let connection: RedisConnection;
let store: PostgresPool;
let writer: LogWriter;
let worker: ServiceProcess;
let written = 0;

beforeAll(async () => {
  [database, server] = await Promise.all([createTestDatabase(), createTestRedis()]);
  [postgresProxy, redisProxy] = await Promise.all([startTcpProxy(database.url), startTcpProxy(server.url)]);
  connection = connectRedis(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
  writer = createLogWriter(connection.redis, createLogKeys(server.pbxId));
  const env = { PBX_ID: server.pbxId, REDIS_URL: redisProxy.url, DATABASE_URL: postgresProxy.url };
  worker = await startService('worker', env);
});

afterAll(async () => {
  await worker.stop();
  await store.stop();
  await connection.stop();
  await Promise.all([postgresProxy.stop(), redisProxy.stop()]);
  await database.drop();
});

async function append(count: number): Promise<void> {
  await writer.append(entries(written + 1, written + count));
  written += count;
}

/** Of the calls alone: what the worker has to say of an outage is copied, too. */
async function allAreRows(timeoutMs = 20_000): Promise<void> {
  const statement = "SELECT count(*)::integer AS n FROM events WHERE channel = 'calls'";
  const count = async () => (await store.pool.query(statement)).rows[0]?.n === written;
  await waitFor(count, { what: `${written} rows`, timeoutMs });
}

async function readyz(): Promise<{ status: number; text: string }> {
  const response = await fetch(`${worker.internalUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

test('every channel is copied every second: whoever looks for his own action finds it', async () => {
  const keys = createLogKeys(server.pbxId);
  const every = async () =>
    Promise.all(
      CHANNELS.map(channel => connection.redis.hget(`${keys.jobs}:persist:repeat:drain-${channel}`, 'every')),
    );
  const found = await waitFor(async () => ((await every()).every(ms => ms !== null) ? every() : null), {
    what: 'the schedules',
  });
  expect(found).toEqual(CHANNELS.map(() => '1000'));
});

test('schedules that were lost together with the data of Redis come back', { timeout: 60_000 }, async () => {
  const keys = createLogKeys(server.pbxId);
  await append(5);
  await allAreRows();
  const lost = await connection.redis.keys(`${keys.jobs}:*`);
  expect(lost.length).toBeGreaterThan(0);
  await connection.redis.del(...lost);
  await append(4);
  await allAreRows(40_000);
});

test('PostgreSQL away turns the worker red, and on return it catches up by itself', { timeout: 60_000 }, async () => {
  await postgresProxy.cut();
  await append(300);
  const red = await waitFor(async () => ((await readyz()).status === 503 ? readyz() : null), { what: 'red' });
  expect(red.text).toMatch(/PostgreSQL has not answered for \d+ s: /);
  await postgresProxy.restore();
  await allAreRows();
  await waitFor(async () => (await readyz()).status === 200, { what: 'green' });
});

test('a Redis that froze turns the worker red, and on return it goes on', { timeout: 60_000 }, async () => {
  redisProxy.freeze();
  const red = await waitFor(async () => ((await readyz()).status === 503 ? readyz() : null), { what: 'red' });
  expect(red.text).toMatch(/Redis has not answered for \d+ s: /);
  await append(300);
  await redisProxy.cut();
  await redisProxy.restore();
  await allAreRows(30_000);
  await waitFor(async () => (await readyz()).status === 200, { what: 'green' });
});

test('told to stop in the middle of a backlog, it ends with 0 and rows and position agree', async () => {
  const before = written;
  for (let n = 0; n < 20; n += 1) await append(1_000);
  const isBegun = "SELECT 1 FROM events WHERE channel = 'calls' AND seq > $1 LIMIT 1";
  await waitFor(async () => (await store.pool.query(isBegun, [before])).rows.length > 0, {
    what: 'the first batch',
    everyMs: 5,
  });
  await worker.stop(10_000);
  const { rows } = await store.pool.query(
    "SELECT count(*) = (SELECT seq FROM log_positions WHERE channel = 'calls') AS agree FROM events WHERE channel = 'calls'",
  );
  expect(rows[0]?.agree).toBe(true);
  worker = await startService('worker', { PBX_ID: server.pbxId, REDIS_URL: server.url, DATABASE_URL: database.url });
  await allAreRows();
});
