import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { expect, test } from 'vitest';
import { createFailedKeys, networkOf } from './failed-keys.ts';

test('addresses of one IPv6 network count as one, however they are written', () => {
  const network = '2001:db8:0:1::/64';
  expect(networkOf('2001:db8:0:1::7')).toBe(network);
  expect(networkOf('2001:0DB8:0:1:ffff:1:2:3')).toBe(network);
  expect(networkOf('2001:db8::1:0:0:0:3')).toBe(network);
  expect(networkOf('::1')).toBe('0:0:0:0::/64');
  expect(networkOf('192.0.2.7')).toBe('192.0.2.7');
});

test('an IPv4 address written as IPv6 is counted as itself', () => {
  expect(networkOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(networkOf('::ffff:192.0.2.8')).not.toBe(networkOf('::ffff:192.0.2.7'));
});

test('while Redis is away failures are counted in memory', async () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const { redis, stop } = connectRedis('redis://127.0.0.1:1', { name: 'test', logger });
  try {
    const failedKeys = createFailedKeys({ redis, keys: createLogKeys('main') }, { perMinute: 2, blockMs: 90_000 });
    expect(await failedKeys.count('192.0.2.7')).toBe(0);
    expect(await failedKeys.count('192.0.2.7')).toBe(0);
    const blockedMs = await failedKeys.count('192.0.2.7');
    expect(blockedMs).toBeGreaterThan(80_000);
    expect(blockedMs).toBeLessThanOrEqual(90_000);
    expect(await failedKeys.count('192.0.2.8')).toBe(0);
  } finally {
    await stop();
  }
});
