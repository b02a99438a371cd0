import type { Redis } from 'ioredis';
import { CHANNELS, type Channel } from '../wire/channels.ts';
import { parsePosition } from '../wire/position.ts';
import { decodeEntry, type StreamEntry } from './entry.ts';
import { parseEpochs } from './epochs.ts';
import type { LogKeys } from './keys.ts';
import { persistedUntil } from './persisted.ts';

/** How far PostgreSQL is behind a channel. */
export interface PersistLag {
  readonly entries: number;
  /** Unix ms of the oldest entry that waits; null when none does. */
  readonly waitingSince: number | null;
}

/** From Redis alone, so that it goes on growing while PostgreSQL is away. Up to a second old, as `persisted` is. */
export async function readPersistLag(redis: Redis, keys: LogKeys): Promise<ReadonlyMap<Channel, PersistLag>> {
  const lags = CHANNELS.map(async (channel): Promise<[Channel, PersistLag]> => {
    const [seq, epochs, text] = await redis.hmget(keys.meta(channel), 'seq', 'epochs', 'persisted');
    const log = { epochs: parseEpochs(epochs ?? null), head: Number(seq ?? 0) };
    const until = persistedUntil(log, parsePosition(text ?? '') ?? undefined);
    if (until >= log.head) return [channel, NOTHING];
    // What was given up for want of room waits no more: the oldest that is there counts.
    const [oldest]: StreamEntry[] = await redis.xrange(keys.log(channel), `${until + 1}-0`, '+', 'COUNT', 1);
    if (!oldest) return [channel, NOTHING];
    const { seq: from, at } = decodeEntry(channel, '', oldest);
    return [channel, { entries: Math.max(1, log.head - from + 1), waitingSince: at }];
  });
  return new Map(await Promise.all(lags));
}

const NOTHING: PersistLag = { entries: 0, waitingSince: null };

/** Seconds, never negative: a clock may have been set back. */
export function lagSeconds({ waitingSince }: PersistLag, now: number): number {
  return waitingSince === null ? 0 : Math.max(0, (now - waitingSince) / 1_000);
}
