import { randomBytes } from 'node:crypto';
import { appendToLog } from '../log/append.ts';
import type { LogKeys } from '../log/keys.ts';
import { LogWriter } from '../log/log-writer.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Redis } from '../runtime/redis.ts';
import type { ErrorSink } from './error-sink.ts';
import { ErrorWriter } from './error-writer.ts';

/**
 * The errors of a service without a spool: they wait in memory while Redis is away, bounded in bytes, and what does not
 * fit is counted with the next that does. Ingest writes its errors through its durable log instead.
 */
export interface ServiceErrors {
  readonly errors: ErrorSink;
  /** Writes what waits, for at most `flushMs`. */
  stop(flushMs: number): Promise<void>;
}

/** Thousands of entries: an outage of Redis brings few, since each kind is written every ten seconds at most. */
const MAX_WAITING_BYTES = 2 * 1024 * 1024;

export function createServiceErrors(
  log: { redis: Redis; keys: LogKeys },
  options: { service: string; logger: Logger },
): ServiceErrors {
  const writer = new LogWriter({
    channel: 'errors',
    writerId: `${options.service}-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
    append: batch => appendToLog({ ...log, channel: 'errors' }, batch),
    maxWaitingBytes: MAX_WAITING_BYTES,
    onFailed: err => options.logger.debug({ err }, 'error entries wait for Redis'),
  });
  const errors = new ErrorWriter({ service: options.service, write: entry => writer.write(entry) });
  return {
    errors,
    async stop(flushMs) {
      errors.flush();
      await writer.stop(flushMs);
    },
  };
}
