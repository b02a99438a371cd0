import type pg from 'pg';
import type { LogKeys } from '../log/keys.ts';
import { recallLog } from '../log/recall.ts';
import type { Logger } from '../runtime/logger.ts';
import { messageOf } from '../runtime/operator-error.ts';
import type { Redis } from '../runtime/redis.ts';
import { within } from '../runtime/within.ts';
import { selectPersistedLogs } from './log-epochs.ts';

const WITHIN_MS = 3_000;

/**
 * For the start of a process that writes to the log, before its first entry: what Redis may have forgotten while
 * nobody was there is told to it from PostgreSQL. A database that does not answer holds nobody up, because its absence
 * and a Redis that lost its data would have to come together to do harm.
 */
export async function recallLogs(
  deps: { redis: Redis; keys: LogKeys; pool: pg.Pool; logger: Logger },
  withinMs: number = WITHIN_MS,
): Promise<void> {
  const { redis, keys, logger } = deps;
  try {
    for (const [channel, persisted] of await within(withinMs, selectPersistedLogs(deps.pool))) {
      if (!(await recallLog({ redis, keys, channel }, persisted))) continue;
      logger.warn({ channel, seq: persisted.seq }, 'Redis had forgotten a part of the log that PostgreSQL remembers');
    }
  } catch (error) {
    logger.warn(`what PostgreSQL remembers of the log could not be compared with Redis: ${messageOf(error)}`);
  }
}
