import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createQueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createLogWriter, entries, type LogWriter, readAllRows, readWholeLog } from './fixtures/log-writer.ts';

/** Two workers, of which the one that is copying a channel dies, or stands still, in the middle of its transaction. */
const TAKE_OVER_MS = 10_000;
const NAMES = ['first', 'second'] as const;
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let server: TestRedis;
let connection: RedisConnection;
let store: PostgresPool;
let writer: LogWriter;
let workers: Map<string, ServiceProcess>;

beforeAll(async () => {
  [database, server] = await Promise.all([createTestDatabase(), createTestRedis()]);
  connection = connectRedis(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 3, logger });
  writer = createLogWriter(connection.redis, createLogKeys(server.pbxId));
  workers = new Map(await Promise.all(NAMES.map(async name => [name, await startNamed(name)] as const)));
});

afterAll(async () => {
  for (const worker of workers.values()) if (worker.isAlive()) await worker.kill();
  await store.stop();
  await connection.stop();
  await database.drop();
});

/** PostgreSQL shows by this name whose connection it is. */
function startNamed(name: string): Promise<ServiceProcess> {
  const url = new URL(database.url);
  url.searchParams.set('application_name', name);
  return startService('worker', { PBX_ID: server.pbxId, REDIS_URL: server.url, DATABASE_URL: url.href });
}

/** Appends, and does something to the worker that has the channel at the moment when it is storing what was appended. */
async function whileStoring(
  batch: ReturnType<typeof entries>,
  act: (worker: ServiceProcess) => Promise<void> | void,
): Promise<ServiceProcess> {
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
  await writer.append(batch);
  const name = await waitFor(
    async () => {
      const { rows } = await store.pool.query<{ name: string }>(
        "SELECT application_name AS name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%COPY events %' AND datname = current_database()",
      );
      return rows[0]?.name;
    },
    { what: 'a worker to be storing', everyMs: 5 },
  );
  const worker = workers.get(name);
  if (!worker) throw new Error(`no worker is called ${name}`);
  await act(worker);
  await blocker.query('ROLLBACK');
  await blocker.end();
  return worker;
}

async function rowsReach(total: number): Promise<number> {
  const startedAt = performance.now();
  await waitFor(async () => (await readAllRows(store.pool)).length >= total, {
    what: `${total} rows`,
    timeoutMs: TAKE_OVER_MS,
  });
  return performance.now() - startedAt;
}

async function expectTheLog(): Promise<void> {
  expect(await readAllRows(store.pool)).toEqual(await readWholeLog(connection.redis, server.pbxId));
}

test('the other worker takes over within ten seconds from one that stands still, which finds that out when it wakes', {
  timeout: 60_000,
}, async () => {
  const frozen = await whileStoring(entries(1, 500), worker => void process.kill(worker.pid, 'SIGSTOP'));
  console.log(`taken over from the frozen in ${Math.round(await rowsReach(500))} ms`);
  process.kill(frozen.pid, 'SIGCONT');
  await writer.append(entries(501, 600));
  await rowsReach(600);
  await expectTheLog();
  expect(frozen.isAlive()).toBe(true);
});

test('the other worker takes over within ten seconds of a kill -9, the schedules go on, and nothing is written twice', {
  timeout: 60_000,
}, async () => {
  await whileStoring(entries(601, 1_100), worker => worker.kill());
  console.log(`taken over from the dead in ${Math.round(await rowsReach(1_100))} ms`);
  await expectTheLog();
  await writer.append(entries(1_101, 1_200));
  await rowsReach(1_200);
  await expectTheLog();
  const jobs = connectForJobs(server.url, { name: 'test', logger });
  const inspector = createQueueInspector({ connection: jobs, keys: createLogKeys(server.pbxId), logger });
  // What the dead one had begun is taken up too, and no chain of runs is broken.
  await waitFor(
    async () => {
      const report = await inspector.report();
      const schedules = report.flatMap(queue => (queue.queue === 'pbx' ? [] : queue.schedules));
      const isLate = ({ next }: { next: Date | null }) => next === null || next.getTime() < Date.now() - 2_000;
      return schedules.length >= 7 && !schedules.some(isLate) && report.every(({ active }) => active <= 1);
    },
    { what: 'every schedule to go on', timeoutMs: 2 * TAKE_OVER_MS, everyMs: 100 },
  );
  await inspector.stop();
  await jobs.stop();
});
