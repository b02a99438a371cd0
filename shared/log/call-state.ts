import type { Redis } from 'ioredis';
import type { StreamEntry } from './entry.ts';
import type { LogKeys } from './keys.ts';
import { type LogInfo, type MetaReply, toLogInfo } from './log-info.ts';

/** One call of the projection, and the log just behind the entry that made it so: one look. */
export interface CallState {
  readonly info: LogInfo;
  /** Null when the call is not active. */
  readonly callJson: string | null;
}

export async function readCallState(redis: Redis, keys: LogKeys, callId: string): Promise<CallState> {
  const replies = await redis
    .multi()
    .hmget(keys.meta('calls'), 'seq', 'epochs')
    .xrange(keys.log('calls'), '-', '+', 'COUNT', 1)
    .hget(keys.calls, callId)
    .exec();
  if (!replies) throw new Error('Redis did not execute the transaction');
  for (const [error] of replies) if (error) throw error;
  const [meta, range, call] = replies.map(([, value]) => value);
  return {
    info: toLogInfo('calls', meta as MetaReply, range as StreamEntry[]),
    callJson: call as string | null,
  };
}
