import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createLogWriter, entries, type LogWriter, readAllRows, readWholeLog } from './fixtures/log-writer.ts';

/** Two workers, of which the one that is copying a channel dies, or stands still, in the middle of its transaction. */
const TAKE_OVER_MS = 10_000;
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let server: TestRedis;
let connection: RedisConnection;
let store: PostgresPool;
let writer: LogWriter;
let workers: { process: ServiceProcess; port: number }[];

beforeEach(async () => {
  [database, server] = await Promise.all([createTestDatabase(), createTestRedis()]);
  connection = connectRedis(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 3, logger });
  writer = createLogWriter(connection.redis, createLogKeys(server.pbxId));
  const env = { PBX_ID: server.pbxId, REDIS_URL: server.url, DATABASE_URL: database.url };
  workers = await Promise.all(
    [1, 2].map(async () => ({ process: await startService('worker', env), port: 0 })),
  );
});

afterEach(async () => {
  for (const { process: worker } of workers) if (worker.isAlive()) await worker.kill();
  await store.stop();
  await connection.stop();
  await database.drop();
});
