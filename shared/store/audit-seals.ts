import type pg from 'pg';
import type { LogPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

const SELECT = loadSql('select-audit-seals');
const SELECT_SEALABLE = loadSql('select-audit-sealable');
const SEAL = loadSql('seal-audit');

/** What retention took from the beginning of the chain. */
export interface AuditSeal {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastHash: Buffer;
  /** In channel `audit`; of the first seal, where copying was when the chain began. Null: before everything. */
  readonly lastPosition: LogPosition | null;
  readonly sealedAt: Date;
}

interface SealRow {
  first_seq: number;
  last_seq: number;
  last_hash: Buffer;
  last_epoch: string | null;
  last_log_seq: number;
  sealed_at: Date;
}

/** Oldest first; the first one is always there, and empty. */
export async function selectAuditSeals(client: pg.Pool | pg.ClientBase): Promise<AuditSeal[]> {
  const { rows } = await client.query<SealRow>(SELECT);
  return rows.map(row => ({
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    lastHash: row.last_hash,
    lastPosition: row.last_epoch === null ? null : { epoch: row.last_epoch, seq: row.last_log_seq },
    sealedAt: row.sealed_at,
  }));
}

/** The last entry of the chain's beginning that is older than `before`; null when it begins with a younger one. */
export async function selectSealable(
  client: pg.Pool | pg.ClientBase,
  { before, maxEntries }: { before: Date; maxEntries: number },
): Promise<{ readonly seq: number; readonly hash: Buffer } | null> {
  const { rows } = await client.query<{ seq: number; hash: Buffer }>(SELECT_SEALABLE, [before, maxEntries]);
  return rows[0] ?? null;
}

/** Returns how many entries went. @throws when no audit entry in the chain says so */
export async function sealAudit(client: pg.Pool | pg.ClientBase, lastSeq: number): Promise<number> {
  const { rows } = await client.query<{ sealed: number }>(SEAL, [lastSeq]);
  return rows[0]?.sealed ?? 0;
}
