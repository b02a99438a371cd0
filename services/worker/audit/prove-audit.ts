import { type AuditReport, verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { JobPayload } from '@3cx-relay/shared/jobs/catalogue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { insertAuditVerification } from '@3cx-relay/shared/store/audit-verifications.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';

const DAY_MS = 24 * 3600 * 1_000;

export interface ProveAuditDeps {
  readonly pool: PostgresPool['pool'];
  readonly logger: Logger;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly errors?: ErrorSink;
  readonly now?: () => number;
}

export interface ProveAuditRequest extends JobPayload<'verify-audit'> {
  /** Of anchors. */
  readonly file: string;
  readonly historyDays: number;
}

type Outcome = 'intact' | 'broken' | 'unchecked';

/**
 * Proves the audit because somebody asked for it. What it came to is kept for whoever looks later, and is an entry of
 * the audit itself; one that is broken is told like any other failure, too.
 */
export async function proveAudit(deps: ProveAuditDeps, request: ProveAuditRequest): Promise<Outcome> {
  const now = deps.now ?? Date.now;
  const startedAt = new Date(now());
  const keep = async (outcome: Outcome, found: { report?: AuditReport; error?: string }) => {
    const { report, error } = { report: null, error: null, ...found };
    const { requestedBy, address } = request;
    await insertAuditVerification(deps.pool, {
      ...{ startedAt, finishedAt: new Date(now()), requestedBy: requestedBy.name, outcome, report, error },
    });
    deps.audit.write({
      ...{ action: 'audit.verify', actor: requestedBy, address, target: 'audit', outcome },
      details: report ? { entries: report.entries, events: report.events, broken: report.broken } : { error },
    });
    return outcome;
  };
  let report: AuditReport;
  try {
    report = await verifyAudit(deps.pool, {
      anchorFile: request.file,
      keptFrom: startedAt.getTime() - request.historyDays * DAY_MS,
    });
  } catch (error) {
    await keep('unchecked', { error: messageOf(error) });
    throw error;
  }
  const { broken } = report;
  if (!broken) return keep('intact', { report });
  const message = `the audit is broken: ${broken.message}; keep the database and ${request.file} as they are, and find out who had access`;
  announce(deps, { component: 'audit', severity: 'critical', message, details: { ...broken } });
  return keep('broken', { report });
}
