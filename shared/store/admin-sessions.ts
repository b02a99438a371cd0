import type pg from 'pg';
import type { AdminRole } from '../wire/admin/session.ts';
import { loadSql } from './sql.ts';

const INSERT_SESSION = loadSql('insert-admin-session');
const TRIM_SESSIONS = loadSql('trim-admin-sessions');
const SELECT_BY_ID = loadSql('select-admin-sessions-by-id');
const DELETE_SESSION = loadSql('delete-admin-session');
const TOUCH_SESSIONS = loadSql('touch-admin-sessions');
const LIST_SESSIONS = loadSql('list-admin-sessions');
const DELETE_OF_USER = loadSql('delete-admin-sessions-of-user');
const LISTEN_SESSIONS = loadSql('listen-admin-sessions');

export interface NewAdminSession {
  readonly id: string;
  readonly userId: number;
  /** The hash that the password was compared with. */
  readonly passwordHash: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly address: string | null;
  readonly userAgent: string | null;
}

/** A session with the user it belongs to, as he is now. */
export interface StoredAdminSession {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly lastSeenAt: Date;
  readonly user: {
    readonly id: number;
    readonly username: string;
    readonly role: AdminRole;
    readonly hasSecondFactor: boolean;
    readonly mustChangePassword: boolean;
    readonly mustSetUpSecondFactor: boolean;
  };
}

export interface ListedAdminSession {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly address: string | null;
  readonly userAgent: string | null;
}

interface SessionRow {
  id: string;
  created_at: Date;
  expires_at: Date;
  last_seen_at: Date;
  user_id: number;
  username: string;
  role: AdminRole;
  must_change_password: boolean;
  has_second_factor: boolean;
}

/** False when the user was deactivated, or his password changed, while it was being compared. */
export async function insertAdminSession(pool: pg.Pool, session: NewAdminSession): Promise<boolean> {
  const { rowCount } = await pool.query(INSERT_SESSION, [
    session.id,
    session.userId,
    session.passwordHash,
    session.createdAt,
    session.expiresAt,
    session.address,
    session.userAgent,
  ]);
  return rowCount === 1;
}

/** Deletes what has expired, and the oldest sessions of this user beyond `maxSessions`; returns the ids of all these. */
export async function trimAdminSessions(
  pool: pg.Pool,
  trim: { userId: number; maxSessions: number; now: Date },
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(TRIM_SESSIONS, [trim.userId, trim.maxSessions, trim.now]);
  return rows.map(({ id }) => id);
}

/**
 * In no order; those that ended, or whose user is not active, are left out. Expiry is for the caller's clock.
 * `secondFactorOf`: the roles of which a second factor is required.
 */
export async function selectAdminSessionsById(
  queryable: pg.Pool | pg.Client,
  ids: readonly string[],
  { secondFactorOf }: { secondFactorOf: readonly AdminRole[] },
): Promise<StoredAdminSession[]> {
  const { rows } = await queryable.query<SessionRow>(SELECT_BY_ID, [ids]);
  return rows.map(row => ({
    id: row.id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastSeenAt: row.last_seen_at,
    user: {
      id: row.user_id,
      username: row.username,
      role: row.role,
      hasSecondFactor: row.has_second_factor,
      mustChangePassword: row.must_change_password,
      mustSetUpSecondFactor: !row.has_second_factor && secondFactorOf.includes(row.role),
    },
  }));
}

/** False when this user has no such session. */
export async function deleteAdminSession(pool: pg.Pool, session: { id: string; userId: number }): Promise<boolean> {
  const { rowCount } = await pool.query(DELETE_SESSION, [session.id, session.userId]);
  return rowCount === 1;
}

/** All but `keep`; returns the ids of those that ended. */
export async function deleteAdminSessionsOf(pool: pg.Pool, userId: number, keep: string | null): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(DELETE_OF_USER, [userId, keep]);
  return rows.map(({ id }) => id);
}

/** Those of a user that have not expired and were used since `seenAfter`, the one used last first. */
export async function listAdminSessions(
  pool: pg.Pool,
  userId: number,
  { now, seenAfter }: { now: Date; seenAfter: Date },
): Promise<ListedAdminSession[]> {
  const { rows } = await pool.query(LIST_SESSIONS, [userId, now, seenAfter]);
  return rows.map(row => ({
    id: row.id,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    address: row.address,
    userAgent: row.user_agent,
  }));
}

export async function touchAdminSessions(pool: pg.Pool, lastSeen: ReadonlyMap<string, Date>): Promise<void> {
  await pool.query(TOUCH_SESSIONS, [[...lastSeen.keys()], [...lastSeen.values()]]);
}

/** From now on this connection is notified of every session that ended or whose user was changed, by its id. */
export async function listenToAdminSessions(client: pg.Client): Promise<void> {
  await client.query(LISTEN_SESSIONS);
}
