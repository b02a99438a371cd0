import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import { createQueueInspector, type QueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import type { RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const nobody = { kind: 'system', id: '1', name: 'test' } as const;
let connection: RedisConnection;
let keys: LogKeys;
let inspector: QueueInspector;
const ending: (() => Promise<void>)[] = [];

beforeEach(async () => {
  const server = await createTestRedis();
  connection = connectForJobs(server.url, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  keys = createLogKeys(server.pbxId);
  inspector = createQueueInspector({ connection, keys, logger });
});

afterEach(async () => {
  for (const end of ending.splice(0)) await end();
  await inspector.stop();
  await connection.stop();
});

const fail = async () => {
  throw new Error('no room on the disk');
};

/** Jobs of the queue that this is not about. */
const quiet = {
  'keep-months': async () => null,
  'index-events': async () => null,
  'fill-past-calls': async () => null,
  'anchor-audit': async () => null,
  'seal-audit': async () => null,
  'verify-audit': async () => null,
};

test('what waits, what failed and why, and what runs next can be seen, and a failed job can be put back', async () => {
  const upkeep = createJobQueue('upkeep', { connection, keys, logger });
  ending.push(() => upkeep.stop());
  await upkeep.schedule({ id: 'months', everyMs: 3_600_000, job: 'keep-months', payload: {} });
  let isMended = false;
  const retryDeadLetters = async () => {
    if (!isMended) await fail();
    return { resolved: 1, refused: 0 };
  };
  const worker = createJobWorker({
    ...{ connection, keys, logger, queue: 'upkeep', concurrency: 1 },
    handlers: { ...quiet, 'trim-log': fail, 'retry-dead-letters': retryDeadLetters },
  });
  ending.push(() => worker.stop());
  await upkeep.run('retry-dead-letters', {}, { timeoutMs: 5_000 });
  const found = await waitFor(async () => (await inspector.failed(10))[0], { what: 'the failed job' });
  expect(found).toMatchObject({
    queue: 'upkeep',
    name: 'retry-dead-letters',
    reason: 'no room on the disk',
    attempts: 1,
    isRetriable: true,
    at: expect.any(Date),
  });
  const report = (await inspector.report()).find(({ queue }) => queue === 'upkeep');
  expect(report).toMatchObject({ failed: 1, waiting: 0, schedules: [{ id: 'months', everyMs: 3_600_000 }] });
  expect(Number(report?.schedules[0]?.next) - Date.now()).toBeGreaterThan(0);
  isMended = true;
  expect(await inspector.retryFailed({ queue: 'persist', id: found.id })).toBe(0);
  expect(await inspector.retryFailed({ queue: 'upkeep', id: found.id })).toBe(1);
  await waitFor(async () => (await inspector.failed(10)).length === 0, { what: 'the job to have succeeded' });
  expect(await inspector.retryFailed('all')).toBe(0);
});

test('what somebody asked for and waited for is never put back: a call must not be made an hour late', async () => {
  const pbx = createJobQueue('pbx', { connection, keys, logger });
  ending.push(() => pbx.stop());
  const worker = createJobWorker({
    ...{ connection, keys, logger, queue: 'pbx', concurrency: 1 },
    handlers: {
      ...{ 'check-connections': fail, reconnect: fail, 'call-command': fail, 'active-calls': fail },
      ...{ 'call-records': fail, 'agent-states': fail },
    },
  });
  ending.push(() => worker.stop());
  await pbx.run('reconnect', { component: 'xapi', requestedBy: nobody, address: null }, { timeoutMs: 5_000 });
  const [failed] = await waitFor(
    async () => {
      const jobs = await inspector.failed(10);
      return jobs.length > 0 && jobs;
    },
    { what: 'the failed job' },
  );
  expect(failed).toMatchObject({ name: 'reconnect', isRetriable: false });
  expect(await inspector.retryFailed('all')).toBe(0);
  expect(await inspector.failed(10)).toHaveLength(1);
});
