import { randomBytes } from 'node:crypto';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import { type RequestRecord, requestEntry } from '@3cx-relay/shared/log/request-entry.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { Registry } from 'prom-client';
import { createAnonymousQuota } from './anonymous-quota.ts';
import { createRequestMetrics } from './request-metrics.ts';

/**
 * Every request to the public API, as an entry of `requests`. Who has a key is always written; strangers, who would
 * otherwise decide how fast the log grows, share a quota.
 */
export interface RequestLog {
  write(record: RequestRecord): void;
  /** Counts a request that is not to become an entry. */
  count(record: RequestRecord): void;
  /** Writes what waits for at most `flushMs`. */
  stop(flushMs: number): Promise<void>;
}

/** About ten thousand entries. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export function createRequestLog(
  deps: { redis: Redis; keys: LogKeys; registry: Registry; logger: Logger },
  options: { maxAnonymousPerSecond: number },
): RequestLog {
  const { redis, keys, logger } = deps;
  const metrics = createRequestMetrics(deps.registry);
  const writer = new LogWriter({
    channel: 'requests',
    writerId: `relay-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
    append: batch => appendToLog({ redis, keys, channel: 'requests' }, batch),
    maxWaitingBytes: MAX_WAITING_BYTES,
    onFailed: (error, attempt) => {
      if (attempt === 1) logger.warn({ err: error }, 'request entries wait for Redis');
    },
  });
  const append = (at: number, record: RequestRecord) => {
    if (!writer.write(requestEntry(at, record))) metrics.lost(1 + (record.suppressed ?? 0));
  };
  const anonymous = createAnonymousQuota(append, options.maxAnonymousPerSecond);
  return {
    count: metrics.answered,
    write(record) {
      metrics.answered(record);
      if (record.client === null) anonymous.take(Date.now(), record);
      else append(Date.now(), record);
    },
    async stop(flushMs) {
      anonymous.stop();
      if (!(await writer.stop(flushMs))) logger.warn('request entries were lost: Redis did not take them in time');
    },
  };
}
