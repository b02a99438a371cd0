import type pg from 'pg';
import type { LogPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

const SELECT_CHAIN = loadSql('select-audit-positions');
const SELECT_EVENTS = loadSql('select-audit-event-positions');

/** In channel `audit`. */
export interface AuditPosition {
  readonly epoch: string;
  readonly logSeq: number;
}

/** Where an entry of the chain stands in the log. */
export interface AuditStep extends AuditPosition {
  /** In the chain. */
  readonly seq: number;
  /** Unix ms. */
  readonly at: number;
}

interface Range {
  readonly after: LogPosition | null;
  readonly limit: number;
}

/** In the order of the log. */
export async function selectAuditPositions(client: pg.ClientBase, { after, limit }: Range): Promise<AuditStep[]> {
  const { rows } = await client.query<{ seq: number; epoch: string; log_seq: number; at: number }>(SELECT_CHAIN, [
    after?.epoch ?? null,
    after?.seq ?? null,
    limit,
  ]);
  return rows.map(row => ({ seq: row.seq, epoch: row.epoch, logSeq: row.log_seq, at: Math.round(row.at) }));
}

/** In the order of the log. */
export async function selectAuditEventPositions(
  client: pg.ClientBase,
  { after, limit }: Range,
): Promise<AuditPosition[]> {
  const { rows } = await client.query<{ epoch: string; log_seq: number }>(SELECT_EVENTS, [
    after?.epoch ?? null,
    after?.seq ?? null,
    limit,
  ]);
  return rows.map(row => ({ epoch: row.epoch, logSeq: row.log_seq }));
}
