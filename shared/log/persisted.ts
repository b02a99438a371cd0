import type { Redis } from 'ioredis';
import { CHANNELS, type Channel } from '../wire/channels.ts';
import { formatPosition, type LogPosition, parsePosition } from '../wire/position.ts';
import type { EpochStart } from './epochs.ts';
import type { LogKeys } from './keys.ts';

/**
 * Up to where a channel is persisted, as Redis was last told: for those who must know while PostgreSQL is away. It is
 * never ahead of the truth, which is in PostgreSQL, unless that was restored from a backup; so nothing but pressure and
 * lag may be judged by it while PostgreSQL can be asked.
 */
export async function readPersisted(redis: Redis, keys: LogKeys): Promise<ReadonlyMap<Channel, LogPosition>> {
  const pipeline = redis.pipeline();
  for (const channel of CHANNELS) pipeline.hget(keys.meta(channel), 'persisted');
  const replies = (await pipeline.exec()) ?? [];
  const positions = new Map<Channel, LogPosition>();
  for (const [index, channel] of CHANNELS.entries()) {
    const [error, text] = replies[index] ?? [null, null];
    if (error) throw error;
    const position = typeof text === 'string' ? parsePosition(text) : null;
    if (position) positions.set(channel, position);
  }
  return positions;
}

/** Costs a write, which is synced to disk, only when it is news. */
export async function writePersisted(
  target: { redis: Redis; keys: LogKeys; channel: Channel },
  position: LogPosition,
): Promise<void> {
  const key = target.keys.meta(target.channel);
  const text = formatPosition(position);
  const [known, epochs] = await target.redis.hmget(key, 'persisted', 'epochs');
  // A log that Redis forgot must look forgotten until its next writer, or PostgreSQL, tells what it was.
  if (known === text || !epochs) return;
  await target.redis.hset(key, 'persisted', text);
}

/** The highest number of this log that is persisted, as trim.lua takes it; 0 when nothing of it is. */
export function persistedUntil(
  { epochs, head }: { readonly epochs: readonly EpochStart[]; readonly head: number },
  position: LogPosition | undefined,
): number {
  const index = epochs.findIndex(({ epoch }) => epoch === position?.epoch);
  if (!position || index < 0) return 0;
  const next = epochs[index + 1];
  if (next) return Math.min(position.seq, next.first - 1);
  // A log that ends before it was rolled back, and its last entries may be others than those that were copied.
  return position.seq > head ? 0 : position.seq;
}
