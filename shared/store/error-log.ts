import type pg from 'pg';
import type { ErrorGroup } from '../errors/error-groups.ts';
import type { ErrorFilters, ErrorKey } from '../errors/error-query.ts';
import type { Severity } from '../errors/severity.ts';
import type { Details, Json } from '../runtime/details.ts';
import { loadSql } from './sql.ts';

const SELECT_OPEN = loadSql('select-open-errors');
const SELECT_BY_POSITION = loadSql('select-errors-by-position');
const SELECT_PAGE = loadSql('select-errors-page');
const COUNT_OPEN = loadSql('count-open-errors');
const UPSERT = loadSql('upsert-errors');
const INSERT_AUDIT_LINES = loadSql('insert-audit-lines');
const DROP = loadSql('drop-errors');

interface ErrorRow {
  first_position: string;
  last_position: string;
  fingerprint: string | null;
  timestamp: Date;
  first_seen: Date;
  component: string;
  severity: Severity;
  message: string;
  details: Json;
  service: string | null;
  count: number;
  acknowledged: boolean;
  acknowledged_by: string | null;
  acknowledged_at: Date | null;
}

/** The groups that go on growing; the caller's transaction holds the position of channel `errors`, or only looks. */
export async function selectOpenErrors(client: pg.ClientBase, fingerprints: readonly string[]): Promise<ErrorGroup[]> {
  const { rows } = await client.query<ErrorRow>(SELECT_OPEN, [fingerprints]);
  return rows.map(toGroup);
}

export async function selectErrorsByPosition(
  pool: pg.Pool | pg.ClientBase,
  positions: readonly string[],
): Promise<ErrorGroup[]> {
  const { rows } = await pool.query<ErrorRow>(SELECT_BY_POSITION, [positions]);
  return rows.map(toGroup);
}

/** Newest first, behind `page.after`. */
export async function selectErrorsPage(
  client: pg.ClientBase,
  filters: ErrorFilters,
  page: { after: ErrorKey | null; without: readonly string[]; limit: number },
): Promise<ErrorGroup[]> {
  const { rows } = await client.query<ErrorRow>(SELECT_PAGE, [
    filters.component ?? null,
    filters.severity ?? null,
    filters.acknowledged ?? null,
    filters.from ?? null,
    filters.to ?? null,
    filters.text ?? null,
    page.after?.timestamp ?? null,
    page.after?.id ?? null,
    page.without,
    page.limit,
  ]);
  return rows.map(toGroup);
}

/** Groups that nobody has acknowledged; a severity that has none is absent. */
export async function countOpenErrors(client: pg.ClientBase): Promise<ReadonlyMap<Severity, number>> {
  const { rows } = await client.query<{ severity: Severity; groups: number }>(COUNT_OPEN);
  return new Map(rows.map(({ severity, groups }) => [severity, groups]));
}

export async function upsertErrors(client: pg.ClientBase, groups: readonly ErrorGroup[]): Promise<void> {
  await client.query(UPSERT, [JSON.stringify(groups)]);
}

/** One sensitive operation, as error_log shows it. */
export interface AuditLine {
  /** In channel `audit`. */
  readonly position: string;
  readonly at: Date;
  readonly message: string;
  readonly details: Details;
}

export async function insertAuditLines(client: pg.ClientBase, lines: readonly AuditLine[]): Promise<void> {
  await client.query(INSERT_AUDIT_LINES, [JSON.stringify(lines)]);
}

/** One step; returns how many rows went. */
export async function dropErrors(
  pool: pg.Pool,
  channel: 'errors' | 'audit',
  step: { before: Date; maxRows: number },
): Promise<number> {
  return (await pool.query(DROP, [channel, step.before, step.maxRows])).rowCount ?? 0;
}

function toGroup(row: ErrorRow): ErrorGroup {
  const { details } = row;
  return {
    id: row.first_position,
    lastId: row.last_position,
    fingerprint: row.fingerprint ?? '',
    timestamp: row.timestamp,
    firstSeen: row.first_seen,
    component: row.component,
    severity: row.severity,
    message: row.message,
    details: typeof details === 'object' && details !== null && !Array.isArray(details) ? details : {},
    service: row.service,
    count: row.count,
    acknowledged: row.acknowledged,
    acknowledgedBy: row.acknowledged_by,
    acknowledgedAt: row.acknowledged_at,
  };
}
