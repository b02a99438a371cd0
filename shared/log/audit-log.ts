import { randomBytes } from 'node:crypto';
import type { Logger } from '../runtime/logger.ts';
import type { Redis } from '../runtime/redis.ts';
import { appendToLog } from './append.ts';
import { type AuditRecord, auditEntry } from './audit-entry.ts';
import type { LogKeys } from './keys.ts';
import { LogWriter } from './log-writer.ts';

/** What a service itself has to tell the auditors: operations that no other process was asked to do. */
export interface AuditLog {
  write(record: AuditRecord): void;
  /** Writes what waits for at most `flushMs`. */
  stop(flushMs: number): Promise<void>;
}

const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export function createAuditLog(
  deps: { redis: Redis; keys: LogKeys; logger: Logger },
  { service }: { service: string },
): AuditLog {
  const { redis, keys, logger } = deps;
  const writer = new LogWriter({
    channel: 'audit',
    writerId: `${service}-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
    append: batch => appendToLog({ redis, keys, channel: 'audit' }, batch),
    maxWaitingBytes: MAX_WAITING_BYTES,
    onFailed: (error, attempt) => {
      if (attempt === 1) logger.warn({ err: error }, 'audit entries wait for Redis');
    },
  });
  return {
    write(record) {
      if (writer.write(auditEntry(Date.now(), record))) return;
      logger.error({ audit: record }, 'an audit entry was not written: too many wait for Redis');
    },
    async stop(flushMs) {
      if (!(await writer.stop(flushMs))) logger.error('audit entries were lost: Redis did not take them in time');
    },
  };
}
