import type pg from 'pg';
import type { AdminRole } from '../wire/admin/session.ts';
import { loadSql } from './sql.ts';
import { inTransaction, type PostgresClient } from './transaction.ts';

const INSERT_USER = loadSql('insert-admin-user');
const SELECT_BY_NAME = loadSql('select-admin-user-by-name');
const LIST_USERS = loadSql('list-admin-users');
const HAS_USERS = loadSql('select-has-admin-users');
const LOCK_ADMINS = loadSql('lock-active-admins');
const UPDATE_USER = loadSql('update-admin-user');
const CHANGE_PASSWORD = loadSql('change-admin-password');
const REHASH_PASSWORD = loadSql('rehash-admin-password');

export interface NewAdminUser {
  readonly username: string;
  readonly passwordHash: string;
  readonly role: AdminRole;
  readonly createdBy: string;
  /** Of a password that somebody else knows: when it ends. Null: its owner chose it. */
  readonly temporaryUntil?: Date | null;
}

/** What signing in needs of a user. */
export interface StoredAdminUser {
  readonly id: number;
  readonly username: string;
  readonly passwordHash: string;
  readonly role: AdminRole;
  readonly active: boolean;
  readonly mustChangePassword: boolean;
  readonly passwordExpiresAt: Date | null;
  /** Encrypted; null while there is no second factor. */
  readonly totpSecret: Buffer | null;
}

/** What a person may see of a user: nothing that helps to sign in as him. */
export interface ListedAdminUser {
  readonly id: number;
  readonly username: string;
  readonly role: AdminRole;
  readonly active: boolean;
  readonly hasSecondFactor: boolean;
  readonly createdAt: Date;
  readonly createdBy: string | null;
  readonly lastLoginAt: Date | null;
  readonly passwordChangedAt: Date;
  readonly mustChangePassword: boolean;
  readonly sessions: number;
}

/** Null when the name is taken, in whatever case it is written. */
export async function insertAdminUser(
  queryable: pg.Pool | PostgresClient,
  user: NewAdminUser,
): Promise<{ id: number; username: string } | null> {
  const temporaryUntil = user.temporaryUntil ?? null;
  const { rows } = await queryable.query<{ id: number; username: string }>(INSERT_USER, [
    user.username,
    user.passwordHash,
    user.role,
    user.createdBy,
    temporaryUntil !== null,
    temporaryUntil,
  ]);
  return rows[0] ?? null;
}

/** By the name in whatever case; null when nobody has it. */
export async function selectAdminUserByName(pool: pg.Pool, username: string): Promise<StoredAdminUser | null> {
  const { rows } = await pool.query(SELECT_BY_NAME, [username]);
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

/**
 * All by name, or the one with this id; `now` tells which sessions have not expired, `seenAfter` which have not ended
 * because nobody used them.
 */
export async function listAdminUsers(
  pool: pg.Pool,
  { now, id = null, seenAfter = new Date(0) }: { now: Date; id?: number | null; seenAfter?: Date },
): Promise<ListedAdminUser[]> {
  const { rows } = await pool.query(LIST_USERS, [now, id, seenAfter]);
  return rows.map(row => ({
    id: row.id,
    username: row.username,
    role: row.role,
    active: row.active,
    hasSecondFactor: row.has_second_factor,
    createdAt: row.created_at,
    createdBy: row.created_by,
    lastLoginAt: row.last_login_at,
    passwordChangedAt: row.password_changed_at,
    mustChangePassword: row.must_change_password,
    sessions: row.sessions,
  }));
}

export async function hasAdminUsers(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(HAS_USERS);
  return rows[0]?.found === true;
}

/** `last_admin`: nobody would be left who may change anything. */
export async function updateAdminUser(
  pool: pg.Pool,
  id: number,
  change: { role?: AdminRole | undefined; active?: boolean | undefined },
): Promise<'updated' | 'unknown' | 'last_admin'> {
  return inTransaction(pool, async client => {
    const { rows: admins } = await client.query<{ id: number }>(LOCK_ADMINS);
    const endsAdmin = change.active === false || (change.role !== undefined && change.role !== 'admin');
    if (endsAdmin && admins.length === 1 && admins[0]?.id === id) return 'last_admin';
    const { rowCount } = await client.query(UPDATE_USER, [id, change.role ?? null, change.active ?? null]);
    return rowCount === 1 ? 'updated' : 'unknown';
  });
}

/** False when there is no such user, or his password is not `replaces` any more. */
export async function changeAdminPassword(
  pool: pg.Pool,
  id: number,
  password: { hash: string; replaces: string | null; now: Date; temporaryUntil: Date | null },
): Promise<boolean> {
  const { rowCount } = await pool.query(CHANGE_PASSWORD, [
    id,
    password.replaces,
    password.hash,
    password.now,
    password.temporaryUntil !== null,
    password.temporaryUntil,
  ]);
  return rowCount === 1;
}

/** Another hash of the same password. */
export async function rehashAdminPassword(
  pool: pg.Pool,
  id: number,
  hash: { replaces: string; by: string },
): Promise<void> {
  await pool.query(REHASH_PASSWORD, [id, hash.replaces, hash.by]);
}
