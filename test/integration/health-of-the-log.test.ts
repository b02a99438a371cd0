import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ComponentHealth, type HealthDeps, type HealthWatch, watchHealth } from '../../services/relay/health.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What `/relay/health` makes of the way from ingest to the relay: whether what is written there arrives here. */
let redis: Redis;
let keys: LogKeys;
let beatAgeMs: number;
let now: number;
let watch: HealthWatch;

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = new Redis(url);
  keys = createLogKeys(pbxId);
  beatAgeMs = 0;
  now = 0;
  await redis.set(keys.workerStatus, '{}');
});

afterEach(async () => {
  watch.stop();
  await redis.quit();
});

function startWatch(): void {
  watch = watchHealth({
    ...{ redis, keys, status: { refusal: null }, version: 'test', pingPostgres: async () => undefined },
    tail: { silentForMs: () => 0, beatAgeMs: () => beatAgeMs } as HealthDeps['tail'],
    hub: { size: 0 } as HealthDeps['hub'],
    now: () => now,
  });
}

const ingestSays = (word: object) => redis.set(keys.ingestStatus, JSON.stringify({ state: 'connected', ...word }));

/** Answers are kept for half a second. */
async function waitForState(name: 'log' | 'ingest', state: ComponentHealth['state']): Promise<ComponentHealth> {
  let health: ComponentHealth | undefined;
  await waitFor(
    async () => {
      health = (await watch.report()).components[name];
      return health.state === state;
    },
    { what: `${name} to be ${state}` },
  );
  return health as ComponentHealth;
}

test('ingest that cannot write is degraded, and says why', async () => {
  await ingestSays({ logError: null });
  startWatch();
  expect((await waitForState('ingest', 'up')).error).toBeNull();
  await ingestSays({ logError: 'spooling: NOPERM' });
  expect((await waitForState('ingest', 'degraded')).error).toBe('spooling: NOPERM');
  expect((await watch.report()).status).toBe('degraded');
});

test('when nothing of an ingest that finds itself well comes through the log, the log is degraded', async () => {
  await ingestSays({});
  startWatch();
  await waitForState('log', 'up');
  now = 26_000;
  beatAgeMs = 26_000;
  const { error } = await waitForState('log', 'degraded');
  expect(error).toMatch(/^nothing of ingest has come through the log for 26 s/);
  beatAgeMs = 4_000;
  await waitForState('log', 'up');
});

test('an ingest that has just come back is given the time to look at its connections', async () => {
  await ingestSays({});
  startWatch();
  await waitForState('log', 'up');
  await redis.del(keys.ingestStatus);
  await waitForState('ingest', 'down');
  now = 60_000;
  beatAgeMs = 60_000;
  await ingestSays({});
  await waitForState('ingest', 'up');
  expect((await watch.report()).components.log.state).toBe('up');
  now = 86_000;
  await waitForState('log', 'degraded');
});
