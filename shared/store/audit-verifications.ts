import type pg from 'pg';
import type { AuditReport } from '../audit/verify-audit.ts';
import { loadSql } from './sql.ts';

const INSERT = loadSql('insert-audit-verification');
const SELECT_LAST = loadSql('select-last-audit-verification');

/** What proving the audit came to. */
export interface AuditVerification {
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly requestedBy: string;
  /** `unchecked`: it could not be proved; `error` says why. */
  readonly outcome: 'intact' | 'broken' | 'unchecked';
  /** As JSON has it: its times are texts. */
  readonly report: Pick<AuditReport, 'broken' | 'entries' | 'redacted' | 'events' | 'sealedUpTo' | 'anchors'> | null;
  readonly error: string | null;
}

export async function insertAuditVerification(pool: pg.Pool, verification: AuditVerification): Promise<void> {
  const { startedAt, finishedAt, requestedBy, outcome, report, error } = verification;
  await pool.query(INSERT, [startedAt, finishedAt, requestedBy, outcome, report && JSON.stringify(report), error]);
}

/** Null: nobody has ever asked for one. */
export async function selectLastAuditVerification(pool: pg.Pool): Promise<AuditVerification | null> {
  const { rows } = await pool.query<{
    started_at: Date;
    finished_at: Date;
    requested_by: string;
    outcome: AuditVerification['outcome'];
    report: AuditVerification['report'];
    error: string | null;
  }>(SELECT_LAST);
  const [row] = rows;
  if (!row) return null;
  const { started_at: startedAt, finished_at: finishedAt, requested_by: requestedBy, ...rest } = row;
  return { startedAt, finishedAt, requestedBy, ...rest };
}
