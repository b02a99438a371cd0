import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import { decodeEntry, type LogEntry } from './entry.ts';
import { type EpochStart, epochOf } from './epochs.ts';
import type { LogKeys } from './keys.ts';
import { unpackEntries } from './packed-entries.ts';
import { withScript } from './with-script.ts';

const READ_PAGE = { numberOfKeys: 1, lua: readFileSync(new URL('./read-page.lua', import.meta.url), 'utf8') };

interface ScriptedRedis {
  readLogPageBuffer(key: string, command: string, from: string, to: string, count: number): Promise<Buffer>;
}

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
  const { keys, epochs } = source;
  const { channel, count, isVerbatim = false } = range;
  if (range.from > range.to) return [];
  const redis = withScript<ScriptedRedis>(source.redis, 'readLogPage', READ_PAGE);
  const key = keys.log(channel);
  const [from, to] = [`${Math.max(0, range.from)}-0`, `${range.to}-0`];
  const packed = range.newestFirst
    ? await redis.readLogPageBuffer(key, 'XREVRANGE', to, from, count)
    : await redis.readLogPageBuffer(key, 'XRANGE', from, to, count);
  return unpackEntries(packed).map(item => {
    const seq = Number.parseInt(item[0], 10);
    return decodeEntry(channel, epochOf(epochs, seq) ?? '', item, { isVerbatim });
  });
}
