import type { StreamEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { lookAt, type MetaReply, toLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { oneLook } from '@3cx-relay/shared/log/one-look.ts';
import { persistedUntil } from '@3cx-relay/shared/log/persisted.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';

/** What a channel takes in Redis, and how much of it could go. */
export interface LogSize {
  readonly channel: Channel;
  readonly entries: number;
  readonly bytes: number;
  /** Number of the oldest entry. */
  readonly oldest: number;
  /** Of the entries those that are persisted, and the bytes that are theirs: as if all entries were of the same size. */
  readonly persistedEntries: number;
  readonly persistedBytes: number;
}

export async function measureLog(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  positions: ReadonlyMap<Channel, LogPosition>,
): Promise<LogSize[]> {
  return Promise.all(
    CHANNELS.map(async channel => {
      const key = keys.log(channel);
      // One look: another worker may be trimming. The bytes of before and the entries of after make entries twice as large,
      // and twice as many are given up.
      const [meta, range, entries, usage] = (await oneLook(
        // All nodes are counted, not five of them: those are the oldest, and were wrong by a third where entries had
        // grown shorter since. A million entries cost Redis 5 ms.
        lookAt(redis.multi(), keys, channel).xlen(key).memory('USAGE', key, 'SAMPLES', 0),
      )) as [MetaReply, StreamEntry[], number, number | null];
      const log = toLogInfo(channel, meta, range);
      const bytes = usage ?? 0;
      const persistedEntries = Math.min(
        entries,
        Math.max(0, persistedUntil(log, positions.get(channel)) - log.oldest + 1),
      );
      const persistedBytes = entries === 0 ? 0 : (bytes * persistedEntries) / entries;
      return { channel, entries, bytes, oldest: log.oldest, persistedEntries, persistedBytes };
    }),
  );
}

export function totalBytes(sizes: readonly LogSize[]): number {
  return sizes.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What could go without a loss. */
export function persistedBytes(sizes: readonly LogSize[]): number {
  return sizes.reduce((sum, size) => sum + size.persistedBytes, 0);
}
