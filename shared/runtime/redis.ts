import type { Redis } from 'ioredis';
import type { Logger } from './logger.ts';
import { openRedisClient } from './redis-client.ts';
import { createBackoff, sleep } from './retry.ts';

export type { Redis } from 'ioredis';

export interface RedisConnection {
  readonly redis: Redis;
  /** Ends the connection; never waits on a server that does not answer. */
  stop(): Promise<void>;
}

/** A frozen server keeps the TCP connection open and says nothing: without this ioredis waits for ever. */
const COMMAND_SILENCE_MS = 4_000;
const WAIT_MAX_MS = 2_000;

/**
 * Opens a connection that reconnects for ever and fails commands instead of queueing them while it is away: the
 * caller (spool, reader, job) decides what waits. `url` is one of the forms of redis-url.ts. `silenceMs` must exceed the
 * longest blocking read on it. `retriesPerRequest: null` is for BullMQ, which insists on commands that wait for ever.
 *
 * @throws OperatorError `REDIS_URL_INVALID`
 */
export function connectRedis(
  url: string,
  options: {
    name: string;
    logger: Logger;
    silenceMs?: number;
    retriesPerRequest?: null;
  },
): RedisConnection {
  const { redis, stop } = openRedisClient(url, {
    name: options.name,
    silenceMs: options.silenceMs ?? COMMAND_SILENCE_MS,
    waitsForEver: options.retriesPerRequest === null,
  });
  let failing = false;
  redis.on('ready', () => {
    if (failing) options.logger.info({ connection: options.name }, 'Redis is back');
    failing = false;
  });
  redis.on('error', error => {
    // One line per outage: ioredis repeats the error at every attempt.
    if (!failing) options.logger.warn({ connection: options.name, err: error }, 'Redis is away, reconnecting');
    failing = true;
  });
  return { redis, stop: async () => stop() };
}

/** For the start of a process: comes back when Redis answers and has loaded its data, however long that takes. */
export async function waitForRedis(redis: Redis): Promise<void> {
  const backoff = createBackoff({ firstMs: 50, maxMs: WAIT_MAX_MS });
  for (;;) {
    try {
      await redis.ping();
      return;
    } catch {
      // connectRedis has said so already.
      await sleep(backoff.next());
    }
  }
}
