import type pg from 'pg';
import type { AdminRole } from '../wire/admin/session.ts';
import { loadSql } from './sql.ts';

const INSERT_ADMIN_USER = loadSql('insert-admin-user');
const SELECT_BY_NAME = loadSql('select-admin-user-by-name');

/** What signing in needs of a user. */
export interface StoredAdminUser {
  readonly id: number;
  readonly username: string;
  readonly passwordHash: string;
  readonly role: AdminRole;
  readonly active: boolean;
  readonly mustChangePassword: boolean;
  /** Of a password that somebody else chose: when it ends. */
  readonly passwordExpiresAt: Date | null;
  /** Encrypted; null while there is no second factor. */
  readonly totpSecret: Buffer | null;
}

interface UserRow {
  id: number;
  username: string;
  password: string;
  role: AdminRole;
  active: boolean;
  must_change_password: boolean;
  password_expires_at: Date | null;
  totp_secret: Buffer | null;
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

/** By the name in whatever case; null when nobody has it. */
export async function selectAdminUserByName(pool: pg.Pool, username: string): Promise<StoredAdminUser | null> {
  const { rows } = await pool.query<UserRow>(SELECT_BY_NAME, [username]);
  const row = rows[0];
  if (!row) return null;
  return {
    id: row.id,
    username: row.username,
    passwordHash: row.password,
    role: row.role,
    active: row.active,
    mustChangePassword: row.must_change_password,
    passwordExpiresAt: row.password_expires_at,
    totpSecret: row.totp_secret,
  };
}
