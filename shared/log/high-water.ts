import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import type { LogKeys } from './keys.ts';

const HIGH_WATER_SCRIPT = readFileSync(new URL('./high-water.lua', import.meta.url), 'utf8');

/**
 * For a log that ends before what PostgreSQL has. A writer that lived through the failover finds out by itself; one
 * that died with it remembers nothing, and PostgreSQL is then the only witness of the numbers that were given out.
 */
export async function raiseHighWater(
  target: { redis: Redis; keys: LogKeys; channel: Channel },
  persisted: LogPosition,
): Promise<boolean> {
  const { redis, keys, channel } = target;
  return (await redis.eval(HIGH_WATER_SCRIPT, 1, keys.meta(channel), persisted.epoch, persisted.seq)) === 1;
}
