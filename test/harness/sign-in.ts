import { randomBytes, randomUUID } from 'node:crypto';
import { createAdminTokens } from '@3cx-relay/relay/admin/auth/admin-token.ts';
import { createCsrfTokens } from '@3cx-relay/relay/admin/auth/csrf-tokens.ts';
import { ADMIN_COOKIE, type AdminRole, CSRF_HEADER } from '@3cx-relay/shared/wire/admin/session.ts';
import pg from 'pg';
import { cheapHash } from './cheap-hash.ts';
import { adminSecret } from './relay.ts';

export type AdminAnswer = {
  status: number;
  headers: Headers;
  /** Parsed JSON, the text of anything else, null of nothing. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects.
  body: any;
};

/** Asks the admin API; `path` begins with `/admin/`. */
export type AskAdmin = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<AdminAnswer>;

export type SignedInTester = {
  user: { id: number; username: string };
  sessionId: string;
  /** The token as such, for who builds requests himself. */
  token: string;
  csrfToken: string;
  /** As the panel asks: with the cookie and, for what changes something, the CSRF token. */
  browser: AskAdmin;
  /** As a program asks: with the token in `Authorization`. */
  script: AskAdmin;
};

const SESSION_MS = 3_600_000;

/**
 * Somebody who is signed in, without having signed in: his rows are written as signing in would, and his token is
 * signed with the secret of the tests, so that it costs no bcrypt. With a `password` he could sign in, too.
 */
export async function signInAs(
  relay: { url: string; databaseUrl: string },
  {
    role = 'admin',
    username = `${role}-${randomBytes(4).toString('hex')}`,
    password,
  }: { role?: AdminRole; username?: string; password?: string } = {},
): Promise<SignedInTester> {
  const id = await createUser(relay.databaseUrl, { username, role, password });
  return signInUser(relay, { id, username });
}

/** One more session of a user. */
export async function signInUser(
  relay: { url: string; databaseUrl: string },
  user: { id: number; username: string },
): Promise<SignedInTester> {
  const [createdAt, expiresAt] = [new Date(), new Date(Date.now() + SESSION_MS)];
  const sessionId = randomUUID();
  await query(
    relay.databaseUrl,
    'INSERT INTO admin_sessions (id, user_id, created_at, expires_at, last_seen_at) VALUES ($1, $2, $3, $4, $3)',
    [sessionId, user.id, createdAt, expiresAt],
  );
  const token = createAdminTokens(adminSecret, Date.now).sign({
    ...{ id: sessionId, userId: user.id },
    ...{ createdAt, expiresAt },
  });
  const csrfToken = createCsrfTokens(adminSecret).of(sessionId);
  return {
    ...{ user, sessionId, token, csrfToken },
    browser: askAdmin(relay.url, { cookie: `${ADMIN_COOKIE}=${token}`, [CSRF_HEADER]: csrfToken }),
    script: askAdmin(relay.url, { authorization: `Bearer ${token}` }),
  };
}

/** A client with these headers; without any it is a stranger. */
export function askAdmin(url: string, credentials: Record<string, string> = {}): AskAdmin {
  return async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...credentials, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      redirect: 'manual',
    });
    const text = await answer.text();
    const isJson = /[/+]json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text || null };
  };
}

/** Returns the id. bcrypt runs at its lowest cost, and only when there is a password. */
export async function createUser(
  databaseUrl: string,
  user: { username: string; role: AdminRole; password?: string | undefined },
): Promise<number> {
  const hash = user.password === undefined ? 'none' : await cheapHash.hash(user.password);
  const [row] = await query<{ id: number }>(
    databaseUrl,
    `INSERT INTO admin_users (username, password, role, created_by) VALUES ($1, $2, $3, 'test') RETURNING id`,
    [user.username, hash, user.role],
  );
  return row?.id ?? Number.NaN;
}

async function query<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
