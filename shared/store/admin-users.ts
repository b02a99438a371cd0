import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT_ADMIN_USER = loadSql('insert-admin-user');

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
