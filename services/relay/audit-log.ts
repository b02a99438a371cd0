import { randomBytes } from 'node:crypto';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';

/** What the relay itself has to tell the auditors: operations that no other process was asked to do. */
export interface AuditLog {
  write(record: AuditRecord): void;
  /** Writes what waits for at most `flushMs`. */
  stop(flushMs: number): Promise<void>;
}

const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export function createAuditLog(deps: { redis: Redis; keys: LogKeys; logger: Logger }): AuditLog {
  const { redis, keys, logger } = deps;
  const writer = new LogWriter({
    channel: 'audit',
    writerId: `relay-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
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
