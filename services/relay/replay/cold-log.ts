import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { createSemaphore } from '@3cx-relay/shared/runtime/semaphore.ts';
import { selectEvents } from '@3cx-relay/shared/store/events.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';

/**
 * The part of the log that is in PostgreSQL only. It is read by number like the rest, epoch by epoch, because numbers
 * may begin again in a new epoch when nobody was left to remember them.
 */
export interface ColdLog {
  /** Entries between two numbers, both inclusive. @throws when PostgreSQL is away */
  read(range: ColdRange): Promise<LogEntry[]>;
  /** Number of the oldest entry in front of those that Redis holds, null when there is none. @throws when PostgreSQL is away */
  oldest(hot: Pick<LogInfo, 'channel' | 'epochs' | 'oldest'>): Promise<number | null>;
}

export interface ColdRange {
  readonly channel: Channel;
  readonly epochs: readonly EpochStart[];
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly newestFirst?: boolean;
}

/** It changes once a month, when retention drops one. */
const OLDEST_VALID_MS = 10_000;

export function createColdLog(
  deps: { pool: PostgresPool['pool']; now?: () => number },
  options: { maxReads: number },
): ColdLog {
  const { pool } = deps;
  const now = deps.now ?? (() => performance.now());
  const inTurn = createSemaphore(options.maxReads);
  const oldest = new Map<Channel, { key: string; until: number; seq: Promise<number | null> }>();

  async function read(range: ColdRange): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    const segments = segmentsOf(range);
    if (range.newestFirst) segments.reverse();
    for (const { epoch, from, to } of segments) {
      const limit = range.count - entries.length;
      if (limit <= 0) break;
      const { channel, newestFirst = false } = range;
      const found = await inTurn(() => selectEvents(pool, { channel, epoch, from, to, limit, newestFirst }));
      entries.push(...found);
    }
    return entries;
  }

  return {
    read,
    oldest({ channel, epochs, oldest: hotOldest }) {
      if (epochs.length === 0) return Promise.resolve(null);
      // That nothing is there yet stays true enough until Redis trims: before, whatever is copied is there as well.
      const key = `${hotOldest} ${epochs.map(({ epoch, first }) => `${epoch}:${first}`).join()}`;
      const known = oldest.get(channel);
      if (known && known.key === key && now() < known.until) return known.seq;
      // As it would be read: where numbers began again, an earlier epoch has some behind its end, which nobody gets to.
      const range = { channel, epochs, from: 1, to: hotOldest - 1, count: 1 };
      const seq = read(range).then(([first]) => first?.seq ?? null);
      oldest.set(channel, { key, until: now() + OLDEST_VALID_MS, seq });
      seq.catch(() => oldest.delete(channel));
      return seq;
    },
  };
}

/** The range, cut where an epoch begins. */
function segmentsOf({ epochs, from, to }: ColdRange): { epoch: string; from: number; to: number }[] {
  return epochs.flatMap(({ epoch, first }, index) => {
    const next = epochs[index + 1]?.first ?? Number.POSITIVE_INFINITY;
    const segment = { epoch, from: Math.max(from, first), to: Math.min(to, next - 1) };
    return segment.from <= segment.to ? [segment] : [];
  });
}
