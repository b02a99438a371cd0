import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRedis } from './redis.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'redis-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('what Redis acknowledged is there again after a kill -9, at the same address', async () => {
  const first = await startRedis({ dir });
  const before = new Redis(first.url);
  await before.set('kept', 'yes');
  before.disconnect();
  first.kill();
  await first.exited;

  const second = await startRedis({ dir, port: first.port });
  const after = new Redis(second.url);

  expect(second.url).toBe(first.url);
  expect(await after.get('kept')).toBe('yes');
  expect(await after.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
  expect(await after.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  after.disconnect();
  await second.stop();
});

test('a port that is taken is an error that says so and names the log', async () => {
  const first = await startRedis({ dir: join(dir, 'first') });

  await expect(startRedis({ dir: join(dir, 'second'), port: first.port })).rejects.toThrow(
    /Failed listening on port .*second.redis\.log/,
  );
  await first.stop();
});
