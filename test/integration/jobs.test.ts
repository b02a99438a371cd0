import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue, type JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobRecord } from '@3cx-relay/shared/jobs/job-record.ts';
import { createJobWorker, type JobHandlers, type JobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const nobody = { kind: 'system', id: '1', name: 'test' } as const;
const reconnect = { component: 'xapi', requestedBy: nobody, address: null } as const;
const done = { component: 'xapi', ok: true, state: 'up', latencyMs: 1, error: null } as const;

let url: string;
let keys: LogKeys;
let proxy: TcpProxy;
let asking: RedisConnection;
let queue: JobQueue<'pbx'>;
const ending: (() => Promise<void>)[] = [];

beforeEach(async () => {
  const server = await createTestRedis();
  url = server.url;
  keys = createLogKeys(server.pbxId);
  proxy = await startTcpProxy(url);
  asking = connectRedis(proxy.url, { name: 'asking', logger });
  await waitFor(() => asking.redis.ping(), { what: 'Redis to answer' });
  queue = createJobQueue('pbx', { connection: asking, keys, logger });
});

afterEach(async () => {
  await queue.stop();
  for (const end of ending.splice(0)) await end();
  await asking.stop();
  await proxy.stop();
});

function startWorker(handlers: Partial<JobHandlers<'pbx'>>): JobWorker {
  const connection = connectForJobs(url, { name: 'working', logger });
  const unused = async () => {
    throw new Error('not in this test');
  };
  const all = {
    ...{ 'check-connections': unused, reconnect: unused, 'call-command': unused, 'active-calls': unused },
    ...{ 'call-records': unused, 'agent-states': unused },
  };
  const options = { connection, keys, logger, queue: 'pbx' as const, concurrency: 4 };
  const worker = createJobWorker({ ...options, handlers: { ...all, ...handlers } });
  ending.push(async () => {
    await worker.stop();
    await connection.stop();
  });
  return worker;
}

test('a request is answered with what the handler returned', async () => {
  startWorker({ reconnect: async () => done });
  expect(await queue.run('reconnect', reconnect, { timeoutMs: 5_000 })).toEqual({ kind: 'answered', result: done });
});

test('a handler that throws gives its sentence, and the next request is answered', async () => {
  let calls = 0;
  startWorker({
    reconnect: async () => {
      calls += 1;
      if (calls === 1) throw new Error('the cable is cut');
      return done;
    },
  });
  const first = await queue.run('reconnect', reconnect, { timeoutMs: 5_000 });
  expect(first).toEqual({ kind: 'failed', message: 'the cable is cut' });
  expect(await queue.run('reconnect', reconnect, { timeoutMs: 5_000 })).toMatchObject({ kind: 'answered' });
});

test('a request that nobody takes is withdrawn: who comes later does not run it', async () => {
  const answer = await queue.run('reconnect', reconnect, { timeoutMs: 5_000, takeWithinMs: 100 });
  expect(answer).toEqual({ kind: 'unavailable', message: 'nobody took the job reconnect: is ingest running?' });
  const ran: string[] = [];
  startWorker({
    reconnect: async ({ component }) => {
      ran.push(component);
      return { ...done, component };
    },
  });
  await queue.run('reconnect', { ...reconnect, component: 'database' }, { timeoutMs: 5_000 });
  expect(ran).toEqual(['database']);
});

test('a request that somebody took and does not answer is a timeout, and says that it was taken', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  startWorker({
    reconnect: async () => {
      await released;
      return done;
    },
  });
  const answer = await queue.run('reconnect', reconnect, { timeoutMs: 400, takeWithinMs: 100 });
  expect(answer).toMatchObject({ kind: 'timeout', isTaken: true });
  release();
});

test('a job that somebody has taken cannot be withdrawn, and stays on record', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  startWorker({
    reconnect: async () => {
      await released;
      return done;
    },
  });
  const answer = queue.run('reconnect', reconnect, { jobId: 'cmd_12345678', timeoutMs: 5_000 });
  const names = { toKey: (name: string) => `${keys.jobs}:pbx:${name}` };
  const record = createJobRecord({ queue: names, redis: asking.redis }, 'cmd_12345678');
  await waitFor(async () => (await record.read())?.isTaken, { what: 'the worker to take it' });
  expect(await record.withdraw()).toBe(false);
  release();
  expect(await answer).toMatchObject({ kind: 'answered' });
});

test('the same id asks for the same run again, while it goes on and when it is over', async () => {
  let runs = 0;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  startWorker({
    reconnect: async () => {
      runs += 1;
      await released;
      return done;
    },
  });
  const options = { jobId: 'cmd_12345678', timeoutMs: 5_000 };
  const both = [queue.run('reconnect', reconnect, options), queue.run('reconnect', reconnect, options)];
  await waitFor(() => runs === 1, { what: 'the first run' });
  release();
  expect(await Promise.all(both)).toMatchObject([{ kind: 'answered' }, { kind: 'answered' }]);
  expect(await queue.run('reconnect', reconnect, options)).toMatchObject({ kind: 'answered' });
  expect(runs).toBe(1);
});

test('a frozen Redis costs the caller its deadline and no more, one that is away nothing', async () => {
  startWorker({ reconnect: async () => done });
  proxy.freeze();
  const startedAt = performance.now();
  const frozen = await queue.run('reconnect', reconnect, { timeoutMs: 600 });
  expect(frozen).toMatchObject({ kind: 'timeout', isTaken: false });
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  await proxy.cut();
  await waitFor(() => asking.redis.status !== 'ready', { what: 'the connection to be lost' });
  expect(await queue.run('reconnect', reconnect, { timeoutMs: 5_000 })).toMatchObject({ kind: 'unavailable' });
});

test('runs of the schedule do not pile up while nobody takes them', async () => {
  const schedule = { id: 'check-connections', everyMs: 50, job: 'check-connections', payload: {} } as const;
  await queue.schedule(schedule);
  const waiting = () => asking.redis.llen(`${keys.jobs}:pbx:wait`);
  const delayed = () => asking.redis.zcard(`${keys.jobs}:pbx:delayed`);
  const startedAt = Date.now();
  await waitFor(() => Date.now() > startedAt + 3 * schedule.everyMs, { what: 'runs to be due' });
  // What the worker does when it takes the schedule for lost.
  await queue.schedule(schedule);
  await queue.schedule(schedule);
  expect((await waiting()) + (await delayed())).toBe(1);
});
