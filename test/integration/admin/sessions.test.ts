import { createAdminTokens } from '@3cx-relay/relay/admin/auth/admin-token.ts';
import { createAdminSessions } from '@3cx-relay/relay/admin/auth/sessions.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import jwt from 'jsonwebtoken';
import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminSecret, startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { asService } from '../../harness/service-role.ts';
import { askAdmin, signInAs, signInUser } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';

/** Two instances on the same stores. */
let relay: TestRelay;
let other: TestRelay;
let sql: pg.Client;

beforeAll(async () => {
  relay = await startTestRelay();
  other = await startTestRelay({
    DATABASE_URL: relay.databaseUrl,
    REDIS_URL: relay.redisUrl,
    PBX_ID: relay.pbxId,
    // What is noticed within a second was not found by the sweep.
    ADMIN_SESSION_SWEEP_MS: '60000',
  });
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
});

afterAll(async () => {
  await sql?.end();
  await other?.stop();
  await relay?.stop();
});

const withToken = (token: string, { url } = relay) => askAdmin(url, { authorization: `Bearer ${token}` });
const statusOf = async (token: string) => (await withToken(token)('GET', '/admin/session')).status;

test('a token that was not signed here, for this, and as it is signed here, is worth nothing', async () => {
  const { token, sessionId, user } = await signInAs(relay);
  expect(await statusOf(token)).toBe(200);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = { sid: sessionId, sub: String(user.id), iss: '3cx-relay', aud: '3cx-relay/admin' };
  const forged = {
    unsigned: `${encode({ alg: 'none', typ: 'admin+jwt' })}.${payload}.`,
    'signed with nothing': `${header}.${payload}.`,
    'of another algorithm': `${encode({ alg: 'HS512', typ: 'admin+jwt' })}.${payload}.${signature}`,
    'of another secret': createAdminTokens(`${adminSecret}!`, Date.now).sign({
      ...{ id: sessionId, userId: user.id, createdAt: new Date(), expiresAt: new Date(Date.now() + 60_000) },
    }),
    'of the secret itself': jwt.sign(claims, adminSecret, {
      expiresIn: 60,
      header: { alg: 'HS256', typ: 'admin+jwt' },
    }),
    'an API key': relay.apiKey,
  };
  for (const [what, text] of Object.entries(forged)) expect([what, await statusOf(text)]).toEqual([what, 401]);
});

test.each([
  ['another audience', { audience: 'somebody else' }],
  ['another issuer', { issuer: 'somebody else' }],
  ['another type', { header: { alg: 'HS256', typ: 'JWT' } }],
])('a token of the right key for %s is refused', async (_, changed) => {
  const { deriveKey } = await import('@3cx-relay/relay/admin/auth/derive-key.ts');
  const { sessionId, user } = await signInAs(relay);
  const right = {
    ...{ issuer: '3cx-relay', audience: '3cx-relay/admin', subject: String(user.id), expiresIn: 60 },
    header: { alg: 'HS256', typ: 'admin+jwt' },
  };
  const sign = (options: jwt.SignOptions) =>
    jwt.sign({ sid: sessionId }, deriveKey(adminSecret, 'admin token'), options);
  expect(await statusOf(sign(right))).toBe(200);
  expect(await statusOf(sign({ ...right, ...changed }))).toBe(401);
});

test('a token ends at its time, and a session at its own, whatever the token says', async () => {
  const { sessionId, user, token } = await signInAs(relay);
  const tokens = createAdminTokens(adminSecret, Date.now);
  const session = { id: sessionId, userId: user.id, createdAt: new Date(Date.now() - 60_000) };
  expect(await statusOf(tokens.sign({ ...session, expiresAt: new Date(Date.now() - 1_000) }))).toBe(401);
  const late = await signInUser(relay, user);
  await sql.query("UPDATE admin_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", [late.sessionId]);
  expect(await statusOf(late.token)).toBe(401);
  expect(await statusOf(token)).toBe(200);
});

test('whoever signs in again ends the session that the same browser had, and no other', async () => {
  const password = 'quiet river violet stone';
  const first = await signInAs(relay, { role: 'viewer', password });
  const elsewhere = await signInUser(relay, first.user);
  const credentials = { username: first.user.username, password };
  const browser = askAdmin(relay.url, { cookie: `admin_token=${first.token}` });
  expect((await browser('POST', '/admin/login', { ...credentials, password: 'wrong' })).status).toBe(401);
  // For a program beside the page, whose cookie stays.
  expect((await browser('POST', '/admin/login', { ...credentials, answer: 'token' })).status).toBe(200);
  expect(await statusOf(first.token)).toBe(200);
  const again = await browser('POST', '/admin/login', credentials);
  const token = /admin_token=([^;]+)/.exec(again.headers.get('set-cookie') ?? '')?.[1] ?? '';
  expect([await statusOf(first.token), await statusOf(token), await statusOf(elsewhere.token)]).toEqual([
    401, 200, 200,
  ]);
  // Also as somebody else: the browser has one cookie.
  const other = await signInAs(relay, { role: 'viewer', password });
  const next = { username: other.user.username, password };
  expect((await askAdmin(relay.url, { cookie: `admin_token=${token}` })('POST', '/admin/login', next)).status).toBe(
    200,
  );
  expect(await statusOf(token)).toBe(401);
  // A program that shows the token it had.
  const renewed = await elsewhere.script('POST', '/admin/login', { ...credentials, answer: 'token' });
  expect([await statusOf(elsewhere.token), await statusOf(renewed.body.token)]).toEqual([401, 200]);
});

test('a session is another user’s as little as another’s CSRF token is its own', async () => {
  const [one, two] = [await signInAs(relay), await signInAs(relay)];
  const tokens = createAdminTokens(adminSecret, Date.now);
  const times = { createdAt: new Date(), expiresAt: new Date(Date.now() + 60_000) };
  expect(await statusOf(tokens.sign({ id: one.sessionId, userId: two.user.id, ...times }))).toBe(401);
  const body = { username: 'never', role: 'viewer' };
  for (const csrf of [undefined, '', 'wrong', two.csrfToken, `${one.csrfToken}x`]) {
    const headers = { cookie: `admin_token=${one.token}`, ...(csrf === undefined ? {} : { 'x-csrf-token': csrf }) };
    const answer = await askAdmin(relay.url, headers)('POST', '/admin/users', body);
    expect([csrf, answer.status, answer.body.code]).toEqual([csrf, 403, 'csrf_required']);
  }
});

test('a page of another site changes nothing, and neither does what is no JSON', async () => {
  const { browser } = await signInAs(relay);
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
  ]) {
    const login = await askAdmin(relay.url)('POST', '/admin/login', { username: 'a', password: 'b' }, headers);
    expect([login.status, login.body.code]).toEqual([403, 'cross_site']);
    expect((await browser('DELETE', '/admin/account/sessions', undefined, headers)).body.code).toBe('cross_site');
  }
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await askAdmin(relay.url)('POST', '/admin/login', {}, form)).toMatchObject({
    status: 415,
    body: { code: 'unsupported_media_type' },
  });
  expect((await browser('GET', '/admin/session', undefined, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('a session that is ended anywhere is over at every instance within a second', async () => {
  const tester = await signInAs(relay);
  const [kept, ended] = [tester, await signInUser(relay, tester.user)];
  const elsewhere = withToken(ended.token, other);
  expect((await elsewhere('GET', '/admin/session')).status).toBe(200);
  const { body } = await kept.browser('GET', '/admin/account/sessions');
  expect(body.sessions).toMatchObject([{}, {}]);
  expect(body.sessions.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent).id).toBe(kept.sessionId);
  expect((await kept.browser('DELETE', `/admin/account/sessions/${ended.sessionId}`)).status).toBe(204);
  const isOver = async () => (await elsewhere('GET', '/admin/session')).status === 401;
  await waitFor(isOver, { what: 'the session to be over elsewhere', timeoutMs: 1_000 });
  expect((await kept.browser('DELETE', `/admin/account/sessions/${ended.sessionId}`)).status).toBe(404);
  expect((await withToken(kept.token, other)('GET', '/admin/session')).status).toBe(200);
});

test('other sessions end with the password, which only a sign-in of some minutes ago may leave out', async () => {
  const password = 'quiet river violet stone';
  const tester = await signInAs(relay, { role: 'viewer', password });
  const others = [await signInUser(relay, tester.user), await signInUser(relay, tester.user)];
  const [one, two] = others.map(({ sessionId }) => `/admin/account/sessions/${sessionId}`);
  expect((await tester.browser('DELETE', one ?? '')).status).toBe(204);
  await sql.query("UPDATE admin_sessions SET created_at = now() - interval '6 minutes' WHERE id = $1", [
    tester.sessionId,
  ]);
  const later = (path: string, body?: object) => withToken(tester.token, other)('DELETE', path, body);
  for (const path of [two ?? '', '/admin/account/sessions']) {
    expect(await later(path)).toMatchObject({ status: 403, body: { code: 'password_required', field: 'password' } });
    const wrong = await later(path, { password: 'wrong' });
    expect(wrong).toMatchObject({ status: 403, body: { code: 'wrong_password', field: 'password' } });
  }
  const ended = others[1]?.token ?? '';
  const statusThere = async () => (await withToken(ended, other)('GET', '/admin/session')).status;
  expect([await statusOf(ended), await statusThere()]).toEqual([200, 200]);
  expect((await later('/admin/account/sessions', { password })).status).toBe(204);
  expect(await statusThere()).toBe(401);
  await waitFor(async () => (await statusOf(ended)) === 401, { what: 'its end here, too', timeoutMs: 1_000 });
  expect(await statusOf(tester.token)).toBe(200);
});

test('a change of role or an end of the account is noticed elsewhere within a second, whoever made it', async () => {
  const { user, token } = await signInAs(relay, { role: 'viewer' });
  const elsewhere = withToken(token, other);
  const role = async () => (await elsewhere('GET', '/admin/session')).body.user?.role;
  expect(await role()).toBe('viewer');
  await sql.query("UPDATE admin_users SET role = 'admin' WHERE id = $1", [user.id]);
  await waitFor(async () => (await role()) === 'admin', { what: 'the new role', timeoutMs: 1_000 });
  await sql.query('UPDATE admin_users SET active = false WHERE id = $1', [user.id]);
  await waitFor(async () => (await role()) === undefined, { what: 'the session to be over', timeoutMs: 1_000 });
});

test('what somebody changed of himself is so for his next request, before any news of it comes', async () => {
  const { browser, user } = await signInAs(relay, { password: 'quiet river violet stone' });
  await sql.query('UPDATE admin_users SET must_change_password = true WHERE id = $1', [user.id]);
  const self = async () => (await browser('GET', '/admin/session')).body.user;
  expect(await self()).toMatchObject({ mustChangePassword: true });
  await sql.query('ALTER TABLE admin_users DISABLE TRIGGER admin_users_change');
  try {
    const [currentPassword, password] = ['quiet river violet stone', 'lamp orbit cactus window'];
    await browser('POST', '/admin/account/password', { currentPassword, newPassword: password });
    expect(await self()).toMatchObject({ mustChangePassword: false, hasSecondFactor: false });
    const { secret } = (await browser('POST', '/admin/account/totp', { password })).body;
    const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate();
    const confirmed = await browser('POST', '/admin/account/totp/confirm', { code });
    expect(await self()).toMatchObject({ hasSecondFactor: true });
    const [recoveryCode] = confirmed.body.recoveryCodes;
    await browser('DELETE', '/admin/account/totp', { password, recoveryCode });
    expect(await self()).toMatchObject({ hasSecondFactor: false });
  } finally {
    await sql.query('ALTER TABLE admin_users ENABLE TRIGGER admin_users_change');
  }
});

test('a session that is ended here is over here, before any news of it comes', async () => {
  const tester = await signInAs(relay);
  const [one, two] = [await signInUser(relay, tester.user), await signInUser(relay, tester.user)];
  expect([await statusOf(one.token), await statusOf(two.token)]).toEqual([200, 200]);
  await sql.query('ALTER TABLE admin_sessions DISABLE TRIGGER admin_sessions_end');
  try {
    await tester.browser('DELETE', `/admin/account/sessions/${one.sessionId}`);
    expect(await statusOf(one.token)).toBe(401);
    await tester.browser('DELETE', '/admin/account/sessions');
    expect([await statusOf(two.token), await statusOf(tester.token)]).toEqual([401, 200]);
  } finally {
    await sql.query('ALTER TABLE admin_sessions ENABLE TRIGGER admin_sessions_end');
  }
});

test('who is signed in goes on while PostgreSQL is away, until his session is over', async () => {
  let now = Date.now();
  const logger = pino({ level: 'silent' });
  const proxy = await startTcpProxy(asService(relay.databaseUrl));
  const store = createPool({ databaseUrl: proxy.url, name: 'test sessions', max: 1, logger });
  const sessions = createAdminSessions(
    { pool: store.pool, logger, now: () => now },
    { databaseUrl: proxy.url, lifeMs: 3_600_000, idleMs: 0, sweepMs: 3_600_000, maxPerUser: 2, secondFactorOf: [] },
  );
  const [{ sessionId }, stranger] = [await signInAs(relay), await signInAs(relay)];
  expect(await sessions.find(sessionId)).toMatchObject({ id: sessionId });
  const ended: string[] = [];
  const session = await sessions.find(sessionId);
  if (session) sessions.hold(session, () => ended.push('held'));
  await proxy.cut();
  now += 31_000;
  expect(await sessions.find(sessionId)).toMatchObject({ id: sessionId });
  await expect(sessions.find(stranger.sessionId)).rejects.toThrow();
  expect(ended).toEqual([]);
  now += 3_600_000;
  await expect(sessions.find(sessionId)).rejects.toThrow();
  await proxy.restore();
  await sql.query('DELETE FROM admin_sessions WHERE id = $1', [sessionId]);
  await waitFor(() => ended.length > 0, { what: 'what hung on the session to be told' });
  await sessions.stop();
  await store.stop();
  await proxy.stop();
});
