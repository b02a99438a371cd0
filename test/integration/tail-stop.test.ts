import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { expect, test } from 'vitest';
import { createTail } from '../../services/relay/live/tail.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy } from './fixtures/tcp-proxy.ts';

test('a reader whose Redis is away stops at once, also while a read of it waits for a new connection', async () => {
  const { url, pbxId } = await createTestRedis();
  const proxy = await startTcpProxy(url);
  const logger = createLogger({ name: 'test', level: 'silent' });
  const [commands, blocking] = [url, proxy.url].map(each => connectRedis(each, { name: 'test', logger }));
  if (!commands || !blocking) throw new Error('two connections');
  const tail = await createTail(
    { redis: commands.redis, blockingRedis: blocking.redis, keys: createLogKeys(pbxId), logger },
    { ringBytes: 1_000_000, blockMs: 100, maxPaceMs: 5 },
    { onBlock: () => undefined, onEntries: () => undefined, onReset: () => undefined, afterReset: () => undefined },
  );
  await proxy.cut();
  const { redis } = blocking as unknown as { redis: { status: string; offlineQueue: { length: number } } };
  await waitFor(() => redis.status === 'reconnecting' && redis.offlineQueue.length > 0, {
    what: 'a read to wait for a new connection',
    everyMs: 1,
  });
  const stopped = await Promise.race([
    tail.stop().then(() => 'stopped'),
    new Promise(resolve => setTimeout(resolve, 10_000, 'hangs')),
  ]);
  expect(stopped).toBe('stopped');
  await commands.stop();
  await proxy.stop();
});
