import { createServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, expect, test } from 'vitest';
import { createRelayErrors } from '../../services/relay/errors/relay-errors.ts';
import { createTestDatabase } from '../harness/database.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy } from './fixtures/tcp-proxy.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const also: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of also.splice(0).reverse()) await end();
});

test('errors that could not be read when an instance began are read when Redis answers', async () => {
  const { url, pbxId } = await createTestRedis();
  const keys = createLogKeys(pbxId);
  const direct = connectRedis(url, { name: 'test', logger });
  also.push(() => direct.stop());
  await waitFor(() => direct.redis.ping(), { what: 'Redis' });
  const writer = createServiceErrors({ redis: direct.redis, keys }, { service: 'ingest', logger });
  writer.errors.logError('xapi', 'error', 'before this instance began');
  await writer.stop(2_000);

  const proxy = await startTcpProxy(url);
  also.push(() => proxy.stop());
  const database = await createTestDatabase();
  also.push(() => database.drop());
  const store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
  also.push(() => store.stop());
  const connection = connectRedis(proxy.url, { name: 'test', logger });
  also.push(() => connection.stop());
  await waitFor(() => connection.redis.ping(), { what: 'Redis behind the proxy' });
  await proxy.cut();
  const relayErrors = createRelayErrors({ redis: connection.redis, keys, pool: store.pool, logger });
  also.push(() => relayErrors.stop());
  await relayErrors.load();
  expect((await relayErrors.tracker.getErrors()).errors).toEqual([]);
  await proxy.restore();
  await waitFor(async () => (await relayErrors.tracker.getErrors()).errors.length === 1, {
    what: 'the earlier error',
    timeoutMs: 15_000,
  });
});
