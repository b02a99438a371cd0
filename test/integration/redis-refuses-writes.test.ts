import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { createStatusReporter } from '@3cx-relay/shared/runtime/status-reporter.ts';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { startTestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand } from './fixtures/ingest-stand.ts';

/** A Redis of its own that answers every read and refuses every write, on a PBX on which nothing happens. */
const RED_WITHIN_MS = 5_000;

let dir: string;
let redisUrl: string;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), '3cx-relay-test-writes-'));
  ends.push(() => rm(dir, { recursive: true, force: true }));
  const server = await startRedis({ dir });
  ends.push(() => server.stop());
  redisUrl = server.url;
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function reasonsOf({ internalUrl }: ServiceProcess): Promise<string[]> {
  const answer = await fetch(`${internalUrl}/readyz`);
  return ((await answer.json()) as { reasons: string[] }).reasons;
}

test('a Redis without memory turns ingest and worker red with its reason, the relay tells it, and all heals', async () => {
  const stand = await createIngestStand({ redisUrl });
  ends.push(() => stand.stop());
  const { pbxId } = stand.keys;
  const relay = await startTestRelay({ REDIS_URL: redisUrl, PBX_ID: pbxId });
  ends.push(() => relay.stop());
  const env = { PBX_ID: pbxId, REDIS_URL: redisUrl, DATABASE_URL: relay.databaseUrl };
  const [ingest, worker] = await Promise.all([stand.start(), startService('worker', env)]);
  ends.push(() => worker.stop());
  type Said = { status: string; components: Record<string, { state: string; error: string | null }> };
  const health = async () => {
    const answer = await fetch(`${relay.url}/relay/health`, { headers: { 'x-api-key': relay.apiKey } });
    return (await answer.json()) as Said;
  };
  await waitFor(async () => (await health()).status === 'ok', { what: 'all to be well' });

  const refused = /^Redis refuses writes \(OOM .*\): raise maxmemory in redis\.conf, or lower LOG_MAX_BYTES$/;
  const isToldBy = async (service: ServiceProcess) => (await reasonsOf(service)).some(reason => refused.test(reason));
  const heard: string[] = [];
  await stand.redis.config('SET', 'maxmemory', '1');
  const red = { timeoutMs: RED_WITHIN_MS, everyMs: 50 };
  const [, , told] = await Promise.all([
    waitFor(() => isToldBy(ingest), { what: 'ingest to be red', ...red }),
    waitFor(() => isToldBy(worker), { what: 'the worker to be red', ...red }),
    waitFor(
      async () => {
        const said = await health();
        heard.push(JSON.stringify(said));
        const { ingest, pbx, persist } = said.components;
        return [ingest, pbx, persist].every(each => each?.state === 'down') && said;
      },
      { what: 'the relay to tell it', ...red },
    ),
  ]);
  // Nor was a process looked for on the way there that is well.
  expect(heard.filter(text => text.includes('is it running?'))).toEqual([]);
  expect(told.status).toBe('degraded');
  expect(told.components.redis).toMatchObject({ state: 'degraded', error: expect.stringMatching(refused) });
  for (const name of ['ingest', 'pbx', 'persist']) {
    expect(told.components[name]?.error).toMatch(/^nothing is known of it: Redis refuses writes \(OOM /);
  }
  // What the relay would have to write is for later, and no mistake of its own.
  const ticket = () => fetch(`${relay.url}/relay/tickets`, { method: 'POST', headers: { 'x-api-key': relay.apiKey } });
  expect((await ticket()).status).toBe(503);
  for (const service of [ingest, worker]) {
    await waitFor(() => service.output().includes('Redis refuses writes (OOM'), { what: 'a line in the log' });
  }

  await stand.redis.config('SET', 'maxmemory', '0');
  for (const service of [ingest, worker]) {
    await waitFor(async () => (await reasonsOf(service)).length === 0, { what: `${service.name} to be green` });
  }
  await waitFor(async () => (await health()).status === 'ok', { what: 'all to be well again' });
  expect((await ticket()).status).toBe(201);
  const critical = async () =>
    (await stand.entries('errors'))
      .map(({ body }) => JSON.parse(body).data as { service: string; severity: string; message: string })
      .filter(({ severity, message }) => severity === 'critical' && message.startsWith('Redis refuses writes (OOM '))
      .map(({ service }) => service)
      .sort();
  await waitFor(async () => (await critical()).length === 2, { what: 'what could not be written meanwhile' });
  expect(await critical()).toEqual(['ingest', 'worker']);
});

test.each([
  {
    code: 'NOREPLICAS',
    advice: 'bring its replicas back',
    refuse: (redis: Redis) => redis.config('SET', 'min-replicas-to-write', '1'),
    accept: (redis: Redis) => redis.config('SET', 'min-replicas-to-write', '0'),
  },
  {
    code: 'MISCONF',
    advice: 'free the disk of Redis',
    // A folder stands where the file is to be.
    async refuse(redis: Redis) {
      await mkdir(join(dir, 'dump.rdb'));
      await redis.config('SET', 'save', '3600 1');
      await redis.bgsave();
    },
    accept: (redis: Redis) => redis.config('SET', 'save', ''),
  },
  {
    code: 'READONLY',
    advice: 'name the master in REDIS_URL',
    refuse: (redis: Redis) => redis.replicaof('127.0.0.1', 1),
    accept: (redis: Redis) => redis.replicaof('NO', 'ONE'),
  },
])('a Redis that answers $code is told with what to do, and is well with the next write it takes', async each => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const connection = connectRedis(redisUrl, { name: 'test', logger });
  ends.push(() => connection.stop());
  const { redis } = connection;
  await waitFor(() => redis.ping(), { what: 'Redis to answer' });
  const status = createStatusReporter({ redis, key: 'status' });
  ends.push(() => status.stop());
  await waitFor(async () => (await redis.exists('status')) === 1, { what: 'a first word' });
  expect(status.reasons()).toEqual([]);
  await each.refuse(redis);
  const [reason] = await waitFor(
    () => {
      const reasons = status.reasons();
      return reasons.length > 0 && reasons;
    },
    { what: 'the reason', timeoutMs: RED_WITHIN_MS },
  );
  expect(reason).toContain(`Redis refuses writes (${each.code} `);
  expect(reason).toContain(each.advice);
  await waitFor(() => each.accept(redis), { what: 'Redis to take writes' });
  await waitFor(() => status.refusal === null && status.reasons().length === 0, { what: 'the reason to go' });
});
