import type { Redis } from 'ioredis';
import { CHANNELS, type Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { decodeEntry, type StreamEntry, seqOf } from './entry.ts';
import type { LogKeys } from './keys.ts';
import { readPersisted } from './persisted.ts';

/** How far PostgreSQL is behind a channel. */
export interface PersistLag {
  readonly entries: number;
  /** Unix ms of the oldest entry that waits; null when none does. */
  readonly waitingSince: number | null;
}

/** From Redis alone, so that it goes on growing while PostgreSQL is away. Up to a second old, as `persisted` is. */
export async function readPersistLag(redis: Redis, keys: LogKeys): Promise<ReadonlyMap<Channel, PersistLag>> {
  const persisted = await readPersisted(redis, keys);
  const pipeline = redis.pipeline();
  for (const channel of CHANNELS) {
    pipeline.hget(keys.meta(channel), 'seq');
    pipeline.xrange(keys.log(channel), `${(persisted.get(channel)?.seq ?? 0) + 1}-0`, '+', 'COUNT', 1);
  }
  const replies = (await pipeline.exec()) ?? [];
  const failed = replies.find(([error]) => error !== null);
  if (failed?.[0]) throw failed[0];
  return new Map(
    CHANNELS.map((channel, index) => {
      const [, head] = replies[2 * index] ?? [];
      const [, waiting] = replies[2 * index + 1] ?? [];
      const log = { head: Number(head ?? 0), oldestWaiting: (waiting as StreamEntry[] | undefined)?.[0] };
      return [channel, toLag(channel, log, persisted.get(channel))];
    }),
  );
}

function toLag(
  channel: Channel,
  { head, oldestWaiting }: { head: number; oldestWaiting: StreamEntry | undefined },
  persisted: LogPosition | undefined,
): PersistLag {
  if (!oldestWaiting) return { entries: 0, waitingSince: null };
  // What was given up for want of room waits no more.
  const from = Math.max(seqOf(oldestWaiting[0]), (persisted?.seq ?? 0) + 1);
  return { entries: Math.max(0, head - from + 1), waitingSince: decodeEntry(channel, '', oldestWaiting).at };
}

/** Seconds, never negative: a clock may have been set back. */
export function lagSeconds({ waitingSince }: PersistLag, now: number): number {
  return waitingSince === null ? 0 : Math.max(0, (now - waitingSince) / 1_000);
}
