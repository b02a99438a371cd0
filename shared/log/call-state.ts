import type { Redis } from 'ioredis';
import type { StreamEntry } from './entry.ts';
import type { LogKeys } from './keys.ts';
import { type LogInfo, lookAt, type MetaReply, toLogInfo } from './log-info.ts';
import { oneLook } from './one-look.ts';

/** One call of the projection, and the log just behind the entry that made it so: one look. */
export interface CallState {
  readonly info: LogInfo;
  /** Null when the call is not active. */
  readonly callJson: string | null;
}

export async function readCallState(redis: Redis, keys: LogKeys, callId: string): Promise<CallState> {
  const [meta, range, call] = await oneLook(lookAt(redis.multi(), keys, 'calls').hget(keys.calls, callId));
  return {
    info: toLogInfo('calls', meta as MetaReply, range as StreamEntry[]),
    callJson: call as string | null,
  };
}
