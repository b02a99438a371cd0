import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT_ADMIN_USER = loadSql('insert-admin-user');
const SELECT_ADMIN_USER = loadSql('select-admin-user');

export interface StoredAdminUser {
  readonly id: number;
  readonly username: string;
  readonly passwordHash: string;
  readonly role: string;
  readonly active: boolean;
}

/** Null when the name is taken, in whatever case it is written. */
export async function insertAdminUser(
  pool: pg.Pool,
  user: { username: string; passwordHash: string; role: string; createdBy: string },
): Promise<{ id: number; username: string } | null> {
  const { rows } = await pool.query<{ id: number; username: string }>(INSERT_ADMIN_USER, [
    user.username,
    user.passwordHash,
    user.role,
    user.createdBy,
  ]);
  return rows[0] ?? null;
}

export async function selectAdminUser(pool: pg.Pool, username: string): Promise<StoredAdminUser | null> {
  const { rows } = await pool.query<{ id: number; username: string; password: string; role: string; active: boolean }>(
    SELECT_ADMIN_USER,
    [username],
  );
  const row = rows[0];
  if (!row) return null;
  return { id: row.id, username: row.username, passwordHash: row.password, role: row.role, active: row.active };
}
