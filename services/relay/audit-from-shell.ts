import { randomUUID } from 'node:crypto';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';

const WITHIN_MS = 5_000;

/** Who did it, when it was done from a shell. */
export const COMMAND_LINE = 'command line';

/**
 * Writes what a command of a shell has done into the audit. The operation is done by then: what keeps it from the audit
 * is said, and does not undo it. `what` names the operation in that sentence.
 */
export async function auditFromShell(
  record: AuditRecord,
  to: { redisUrl: string | undefined; pbxId: string; logger: Logger; what: string },
): Promise<void> {
  try {
    if (to.redisUrl === undefined) throw new OperatorError('NOT_AUDITED', 'REDIS_URL is not set');
    const { redis, stop } = connectRedis(to.redisUrl, { name: 'relay shell', logger: to.logger });
    const log = { redis, keys: createLogKeys(to.pbxId), channel: 'audit' as const };
    const entries = [auditEntry(Date.now(), record)];
    const batch = { writerId: `shell-${randomUUID()}`, firstWriterSeq: 1, entries, highestKnownSeq: 0 };
    await within(WITHIN_MS, appendToLog(log, batch)).finally(stop);
  } catch (error) {
    console.error(`${to.what} was done, but is not in the audit: ${messageOf(error)}`);
  }
}
