import type { ChainableCommander, Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import type { StreamEntry } from './entry.ts';
import { seqOf } from './entry.ts';
import { type EpochStart, parseEpochs } from './epochs.ts';
import type { LogKeys } from './keys.ts';
import { oneLook } from './one-look.ts';

export interface LogInfo {
  readonly channel: Channel;
  /** Oldest first; empty while nothing was ever written. */
  readonly epochs: readonly EpochStart[];
  /** Highest number written; 0 while nothing was. */
  readonly head: number;
  /** Number of the oldest entry that Redis still holds; `head + 1` when it holds none. */
  readonly oldest: number;
}

/** One atomic look at a channel. */
export async function readLogInfo(redis: Redis, keys: LogKeys, channel: Channel): Promise<LogInfo> {
  const [meta, range] = await oneLook(lookAt(redis.multi(), keys, channel));
  return toLogInfo(channel, meta as MetaReply, range as StreamEntry[]);
}

/** One atomic look at several channels, in their order. */
export async function readLogInfos(redis: Redis, keys: LogKeys, channels: readonly Channel[]): Promise<LogInfo[]> {
  const transaction = redis.multi();
  for (const channel of channels) lookAt(transaction, keys, channel);
  const replies = await oneLook(transaction);
  return channels.map((channel, n) => {
    const [meta, range] = replies.slice(2 * n, 2 * n + 2);
    return toLogInfo(channel, meta as MetaReply, range as StreamEntry[]);
  });
}

/** The two commands in a transaction that look at a channel: their answers make `toLogInfo`. */
export function lookAt(transaction: ChainableCommander, keys: LogKeys, channel: Channel): ChainableCommander {
  return transaction.hmget(keys.meta(channel), 'seq', 'epochs').xrange(keys.log(channel), '-', '+', 'COUNT', 1);
}

/** `seq` and `epochs` of the meta hash. */
export type MetaReply = readonly [seq: string | null, epochs: string | null];

export function toLogInfo(channel: Channel, [seq, epochs]: MetaReply, [first]: readonly StreamEntry[]): LogInfo {
  const head = Number(seq ?? 0);
  return {
    channel,
    epochs: parseEpochs(epochs),
    head,
    oldest: first ? seqOf(first[0]) : head + 1,
  };
}
