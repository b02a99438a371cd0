import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT = loadSql('insert-wallboard');
const LIST = loadSql('list-wallboards');
const REVOKE = loadSql('revoke-wallboard');
const SELECT = loadSql('select-wallboard');
const TOUCH = loadSql('touch-wallboard');

/** Those that ended long ago stay in the table and fall out of the list. */
const MAX_LISTED = 500;

export interface StoredWallboard {
  readonly id: number;
  readonly name: string;
  readonly expiresAt: Date;
}

export interface ListedWallboard extends StoredWallboard {
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly lastSeenAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewWallboard {
  readonly name: string;
  readonly digest: Buffer;
  readonly createdBy: string;
  readonly expiresAt: Date;
}

/** Returns the id. */
export async function insertWallboard(pool: pg.Pool, made: NewWallboard): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(INSERT, [made.name, made.digest, made.createdBy, made.expiresAt]);
  const [row] = rows;
  if (!row) throw new Error('PostgreSQL returned no row for a wallboard that was inserted');
  return row.id;
}

export async function listWallboards(pool: pg.Pool): Promise<ListedWallboard[]> {
  return (await pool.query<ListedWallboard>(LIST, [MAX_LISTED])).rows;
}

/** Its name; null when there is none or it was revoked before. */
export async function revokeWallboard(pool: pg.Pool, id: number): Promise<string | null> {
  return (await pool.query<{ name: string }>(REVOKE, [id])).rows[0]?.name ?? null;
}

/** Null when none in force has this token. */
export async function findWallboard(
  pool: pg.Pool,
  { digest, now }: { digest: Buffer; now: Date },
): Promise<StoredWallboard | null> {
  return (await pool.query<StoredWallboard>(SELECT, [digest, now])).rows[0] ?? null;
}

/** To the minute. */
export async function touchWallboard(pool: pg.Pool, id: number, now: Date): Promise<void> {
  await pool.query(TOUCH, [id, now]);
}
