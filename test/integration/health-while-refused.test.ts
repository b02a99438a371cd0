import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HealthDeps, type HealthReport, watchHealth } from '../../services/relay/health.ts';
import { createTestRedis } from '../harness/redis.ts';

/** What the relay makes of the last word of others, while Redis refuses the relay's own writes and while it does not. */
const SPOKE = JSON.stringify({ state: 'connected' });

let redis: Redis;
let keys: LogKeys;

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = new Redis(url);
  keys = createLogKeys(pbxId);
});

afterEach(() => redis.quit());

async function errorsWhen(refusal: string | null): Promise<Record<'ingest' | 'pbx' | 'persist', unknown>> {
  const tail = { silentForMs: () => 0, beatAgeMs: () => 0 } as HealthDeps['tail'];
  const hub = { size: 0 } as HealthDeps['hub'];
  const pingPostgres = async () => undefined;
  const watch = watchHealth({ redis, keys, status: { refusal }, tail, hub, version: 'test', pingPostgres });
  const { components }: HealthReport = await watch.report();
  watch.stop();
  const [ingest, pbx, persist] = (['ingest', 'pbx', 'persist'] as const).map(name => components[name].error);
  return { ingest, pbx, persist };
}

/** Both said something that goes out of date in so many ms. */
async function lastWord(ms: number): Promise<void> {
  for (const key of [keys.ingestStatus, keys.workerStatus]) await redis.set(key, SPOKE, 'PX', ms);
}

const all = (error: string | null) => ({ ingest: error, pbx: error, persist: error });

test('a word of a second ago counts, whether writes are refused or not', async () => {
  await lastWord(2_500);
  expect(await errorsWhen(null)).toEqual(all(null));
  expect(await errorsWhen('refused')).toEqual(all(null));
});

test('one word that stayed away is explained by refused writes, and by nothing else yet', async () => {
  await lastWord(1_900);
  expect(await errorsWhen('refused')).toEqual(all('nothing is known of it: refused'));
  expect(await errorsWhen(null)).toEqual(all(null));
});

test('who is silent for longer is asked for, unless writes are refused', async () => {
  expect(await errorsWhen(null)).toEqual({
    ...all('ingest says nothing: is it running?'),
    persist: 'the worker says nothing: is it running?',
  });
  expect(await errorsWhen('refused')).toEqual(all('nothing is known of it: refused'));
});
