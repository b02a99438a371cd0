import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createSemaphore } from '@3cx-relay/shared/runtime/semaphore.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { ColdLog } from './cold-log.ts';

/**
 * The log as one, from its oldest entry in PostgreSQL to its newest in Redis, under one numbering.
 *
 * Nothing leaves Redis before it is in PostgreSQL, so the two together have no hole: what Redis has is read there, and
 * what lies before its oldest entry in PostgreSQL. PostgreSQL is asked only when it is needed; while it is away,
 * whoever is behind the oldest entry of Redis is told so, and nobody else notices.
 */
export interface TieredLog {
  /** What Redis holds, read now. */
  hotInfo(channel: Channel): Promise<LogInfo>;
  /** The same with the oldest entry that either holds. @throws when PostgreSQL is away */
  wholeInfo(channel: Channel, hot: LogInfo): Promise<LogInfo>;
  /** @throws when a tier is away that is needed */
  read(range: TieredRange): Promise<TieredEntries>;
  /** The log of this channel was lost and begun again: what was known of it is void. */
  forget(channel: Channel): void;
}

export interface TieredRange {
  readonly channel: Channel;
  readonly epochs: readonly EpochStart[];
  /** Both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly newestFirst?: boolean;
  /** What lies before this number may be left out when only PostgreSQL has it; default `from`. */
  readonly neededFrom?: number;
}

export interface TieredEntries {
  readonly entries: readonly LogEntry[];
  /** How many of them came from PostgreSQL. */
  readonly cold: number;
  /** False when what PostgreSQL has was left out: before `neededFrom`, or because it is away. */
  readonly isWhole: boolean;
}

export function createTieredLog(
  deps: { redis: Redis; keys: LogKeys; cold: ColdLog },
  options: { maxReads: number },
): TieredLog {
  const { redis, keys, cold } = deps;
  const inTurn = createSemaphore(options.maxReads);
  /** Where Redis was last seen to begin. Trimming only moves it up, so what lies before it need not be asked for there. */
  const hotOldest = new Map<Channel, number>();

  function readHot({ epochs, ...range }: TieredRange): Promise<LogEntry[]> {
    return inTurn(() => readPage({ redis, keys, epochs }, range));
  }

  async function readUp(range: TieredRange): Promise<TieredEntries> {
    const { channel, from, to, count } = range;
    const mayBeHot = to >= (hotOldest.get(channel) ?? 0);
    const hot = mayBeHot ? await readHot(range) : [];
    const first = hot[0]?.seq ?? to + 1;
    if (first > from && hot.length > 0) hotOldest.set(channel, first);
    const isNeeded = first > (range.neededFrom ?? from);
    if (first <= from || !isNeeded) return { entries: hot, cold: 0, isWhole: first <= from };
    const old = await cold.read({ ...range, from, to: first - 1 });
    const last = old.at(-1)?.seq ?? from - 1;
    if (!mayBeHot && old.length < count && last < to) {
      // What was known of Redis may be of a log that is gone.
      hotOldest.delete(channel);
      const rest = await readHot({ ...range, from: last + 1 });
      return { entries: [...old, ...rest].slice(0, count), cold: old.length, isWhole: true };
    }
    return { entries: [...old, ...hot].slice(0, count), cold: old.length, isWhole: true };
  }

  async function readDown(range: TieredRange): Promise<TieredEntries> {
    const hot = await readHot(range);
    const lowest = hot.at(-1)?.seq ?? range.to + 1;
    const missing = range.count - hot.length;
    if (missing === 0 || lowest <= range.from) return { entries: hot, cold: 0, isWhole: true };
    try {
      const old = await cold.read({ ...range, to: lowest - 1, count: missing });
      return { entries: [...hot, ...old], cold: old.length, isWhole: true };
    } catch (error) {
      // What Redis has is an answer, only a shorter one.
      if (hot.length === 0) throw error;
      return { entries: hot, cold: 0, isWhole: false };
    }
  }

  return {
    hotInfo: channel => inTurn(() => readLogInfo(redis, keys, channel)),
    async wholeInfo(channel, hot) {
      const oldest = await cold.oldest(channel, hot.epochs);
      return { ...hot, oldest: Math.min(hot.oldest, oldest ?? hot.oldest) };
    },
    read: range => {
      if (range.from > range.to) return Promise.resolve({ entries: [], cold: 0, isWhole: true });
      return range.newestFirst ? readDown(range) : readUp(range);
    },
    forget: channel => void hotOldest.delete(channel),
  };
}
