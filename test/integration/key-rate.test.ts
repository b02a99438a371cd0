import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyRate } from '../../services/relay/keys/key-rate.ts';
import type { ApiKey } from '../../services/relay/keys/validation.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

let proxy: TcpProxy;
let keys: ReturnType<typeof createLogKeys>;
const connections: RedisConnection[] = [];
let lastId = 0;

beforeAll(async () => {
  const { url, pbxId } = await createTestRedis();
  proxy = await startTcpProxy(url);
  keys = createLogKeys(pbxId);
});

afterAll(async () => {
  await Promise.all(connections.map(connection => connection.stop()));
  await proxy.stop();
});

/** One instance of the relay. */
function createInstance(requestsPerSecond: number) {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const connection = connectRedis(proxy.url, { name: 'test', logger });
  connections.push(connection);
  const { redis } = connection;
  return { redis, rate: createKeyRate({ redis, keys }, { requestsPerSecond }) };
}

function keyWith(requestsPerSecond: number | null): ApiKey {
  lastId += 1;
  const none = { expiresAt: null, dns: null, addresses: null, maxConnections: null };
  return { id: lastId, clientName: 'CRM', permissions: ['read'], ...none, requestsPerSecond };
}

const isReady = (instance: ReturnType<typeof createInstance>) =>
  waitFor(() => instance.redis.status === 'ready', { what: 'Redis' });

test('all instances together count the requests of a key with a limit of its own', async () => {
  const instances = [createInstance(1_000), createInstance(1_000)];
  await Promise.all(instances.map(isReady));
  const key = keyWith(5);
  const waits = await Promise.all(Array.from({ length: 20 }, (_, n) => instances[n % 2]?.rate.take(key)));
  // Twice, where the second ended in between.
  const taken = waits.filter(wait => wait === 0).length;
  expect([5, 10]).toContain(taken);
  for (const wait of waits) expect(wait).toBeLessThanOrEqual(1_000);
});

test('a key without a limit of its own meets the default, and asks Redis nothing', async () => {
  const { redis, rate } = createInstance(3);
  redis.disconnect();
  const key = keyWith(null);
  const waits = [];
  for (let n = 0; n < 4; n += 1) waits.push(await rate.take(key));
  expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
  expect(waits[3]).toBeGreaterThan(0);
  expect(await rate.take(keyWith(null))).toBe(0);
  expect(rate.perSecond(key)).toBe(3);
});

test('while Redis is away each instance counts for itself', async () => {
  const instance = createInstance(1_000);
  await isReady(instance);
  await proxy.cut();
  await waitFor(() => instance.redis.status !== 'ready', { what: 'Redis to be away' });
  const key = keyWith(2);
  const startedAt = performance.now();
  const waits = [await instance.rate.take(key), await instance.rate.take(key), await instance.rate.take(key)];
  expect(waits).toEqual([0, 0, expect.any(Number)]);
  expect(waits[2]).toBeGreaterThan(0);
  expect(performance.now() - startedAt).toBeLessThan(900);
  await proxy.restore();
});
