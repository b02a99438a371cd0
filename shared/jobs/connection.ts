import type { LogKeys } from '../log/keys.ts';
import type { Logger } from '../runtime/logger.ts';
import { connectRedis, type RedisConnection } from '../runtime/redis.ts';

/** Longer than the longest wait of an idle worker (job-worker.ts), or silence would be taken for a frozen server. */
const SILENCE_MS = 8_000;

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
