import { Redis } from 'ioredis';
import type { Logger } from './logger.ts';
import { createBackoff, sleep } from './retry.ts';

export type { Redis } from 'ioredis';

export interface RedisConnection {
  readonly redis: Redis;
  /** Ends the connection; never waits on a server that does not answer. */
  stop(): Promise<void>;
}

const RECONNECT_MAX_MS = 2_000;
/** A frozen server keeps the TCP connection open and says nothing: without this ioredis waits for ever. */
const COMMAND_SILENCE_MS = 4_000;

/**
 * Opens a connection that reconnects for ever and fails commands instead of queueing them while it is away: the
 * caller (spool, reader, job) decides what waits. `silenceMs` must exceed the longest blocking read on it.
 * `retriesPerRequest: null` is for BullMQ, which insists on commands that wait for ever.
 */
export function connectRedis(
  url: string,
  options: {
    name: string;
    logger: Logger;
    silenceMs?: number;
    retriesPerRequest?: number | null;
  },
): RedisConnection {
  const redis = new Redis(url, {
    connectionName: options.name,
    connectTimeout: 5_000,
    socketTimeout: options.silenceMs ?? COMMAND_SILENCE_MS,
    keepAlive: 10_000,
    noDelay: true,
    maxRetriesPerRequest: options.retriesPerRequest === undefined ? 0 : options.retriesPerRequest,
    // A command whose answer never came is the caller's to repeat, who knows whether that is safe. With commands that
    // wait for ever nobody is told of the loss (ioredis neither sends nor rejects them), so that those are sent again.
    autoResendUnfulfilledCommands: options.retriesPerRequest === null,
    retryStrategy: attempt => Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(attempt, 10)),
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
  return {
    redis,
    stop: async () => {
      redis.disconnect();
    },
  };
}

/** For the start of a process: comes back when Redis answers and has loaded its data, however long that takes. */
export async function waitForRedis(redis: Redis): Promise<void> {
  const backoff = createBackoff({ firstMs: 50, maxMs: RECONNECT_MAX_MS });
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
