import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import { decodeEntry, type LogEntry, type StreamEntry } from './entry.ts';
import { type EpochStart, epochOf } from './epochs.ts';
import type { LogKeys } from './keys.ts';

/** One page of a channel between two numbers, both inclusive, in either direction. */
export async function readPage(
  source: { redis: Redis; keys: LogKeys; epochs: readonly EpochStart[] },
  range: {
    channel: Channel;
    from: number;
    to: number;
    count: number;
    newestFirst?: boolean;
    /** See decodeEntry. */
    isVerbatim?: boolean;
  },
): Promise<LogEntry[]> {
  const { redis, keys, epochs } = source;
  if (range.from > range.to) return [];
  const key = keys.log(range.channel);
  const [from, to] = [`${Math.max(0, range.from)}-0`, `${range.to}-0`];
  const raw: StreamEntry[] = range.newestFirst
    ? await redis.xrevrange(key, to, from, 'COUNT', range.count)
    : await redis.xrange(key, from, to, 'COUNT', range.count);
  return raw.map(item => {
    const seq = Number.parseInt(item[0], 10);
    return decodeEntry(range.channel, epochOf(epochs, seq) ?? '', item, { isVerbatim: range.isVerbatim ?? false });
  });
}
