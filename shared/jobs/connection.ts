import type { LogKeys } from '../log/keys.ts';
import type { Logger } from '../runtime/logger.ts';
import { connectRedis, type RedisConnection } from '../runtime/redis.ts';

/**
 * Longer than the longest wait of an idle worker, or silence would be taken for a frozen server. That is 10 s, BullMQ's
 * own limit, after a wait that failed: one that is cut before its end is begun again, for as long, without a look at
 * the jobs that are due.
 */
const SILENCE_MS = 13_000;

/** What queues and workers of one process share. */
export interface JobsDeps {
  readonly connection: RedisConnection;
  readonly keys: LogKeys;
  readonly logger: Logger;
}

/**
 * BullMQ wants commands to wait for a server that is away instead of failing: a worker that gave up would never take
 * a job again. Hence a connection of its own, apart from the log's.
 */
export function connectForJobs(url: string, options: { name: string; logger: Logger }): RedisConnection {
  return connectRedis(url, { ...options, silenceMs: SILENCE_MS, retriesPerRequest: null });
}
