import type { LogEntry } from '../log/entry.ts';
import type { LogKeys } from '../log/keys.ts';
import { readLogInfo } from '../log/log-info.ts';
import { readPage } from '../log/page.ts';
import type { Redis } from '../runtime/redis.ts';

export interface RecentLog {
  /** In log order. */
  readonly entries: readonly LogEntry[];
  /** True when Redis holds older ones. */
  readonly isMore: boolean;
}

/** The newest entries of channel `errors` that Redis holds, for a reader that starts. */
export async function readRecentErrors(log: { redis: Redis; keys: LogKeys }, count: number): Promise<RecentLog> {
  const info = await readLogInfo(log.redis, log.keys, 'errors');
  const range = { channel: 'errors', from: info.oldest, to: info.head, count, newestFirst: true } as const;
  const entries = (await readPage({ ...log, epochs: info.epochs }, range)).reverse();
  const first = entries[0];
  return { entries, isMore: first !== undefined && first.seq > info.oldest };
}
