import { once } from 'node:events';
import { request } from 'node:http';
import { sessionAnswer } from '@3cx-relay/shared/wire/admin/session.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, createUser, signInAs } from '../../harness/sign-in.ts';

let relay: TestRelay;
let sql: pg.Pool;
const ada = { username: 'ada', password: 'correct horse battery' };

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_MAX_SESSIONS_PER_USER: '2' });
  sql = new pg.Pool({ connectionString: relay.databaseUrl, max: 1 });
  await createUser(relay.databaseUrl, { ...ada, role: 'admin' });
});

afterAll(async () => {
  await sql?.end();
  await relay?.stop();
});

const stranger = () => askAdmin(relay.url);

test('whoever signs in gets a cookie that no script reads and no other site sends, and a CSRF token', async () => {
  const answer = await stranger()('POST', '/admin/login', ada);
  expect(answer.status).toBe(200);
  const session = sessionAnswer.strict().parse(answer.body);
  expect(session).toMatchObject({ user: { username: 'ada', role: 'admin', mustChangePassword: false } });
  expect(session.token).toBeUndefined();
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const cookie = answer.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/^admin_token=[^;]+; Expires=[^;]+; Path=\/; HttpOnly; SameSite=Strict$/);

  const browser = askAdmin(relay.url, { cookie: cookie.split(';')[0] ?? '' });
  const told = await browser('GET', '/admin/session');
  expect(told.body).toEqual(answer.body);
  const refused = await browser('POST', '/admin/logout');
  expect([refused.status, refused.body.code]).toEqual([403, 'csrf_required']);
  const left = await browser('POST', '/admin/logout', undefined, { 'x-csrf-token': session.csrfToken });
  expect([left.status, left.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')]);
  expect((await browser('GET', '/admin/session')).status).toBe(401);
});

/** The cookie of whoever signs in by way of a proxy at `proxy` that says how it was asked. */
async function cookieBehind(proxy: string, proto: string): Promise<string> {
  const asking = request(`${relay.url}/admin/login`, {
    ...{ method: 'POST', localAddress: proxy },
    headers: { 'content-type': 'application/json', 'x-forwarded-proto': proto },
  });
  asking.end(JSON.stringify(ada));
  const [answer] = await once(asking, 'response');
  answer.resume();
  expect(answer.statusCode).toBe(200);
  return answer.headers['set-cookie'].join();
}

test('the cookie is for TLS alone when the proxy of this host was asked over TLS, and nobody else is believed', async () => {
  expect(await cookieBehind('127.0.0.1', 'https')).toMatch(/; HttpOnly; SameSite=Strict; Secure$/);
  expect(await cookieBehind('127.0.0.1', 'http')).not.toContain('Secure');
  expect(await cookieBehind('127.0.0.2', 'https')).not.toContain('Secure');
});

test('a user has so many sessions, and the next one ends the oldest, before any news of it comes', async () => {
  await sql.query('ALTER TABLE admin_sessions DISABLE TRIGGER admin_sessions_end');
  const name = { username: 'busy', password: ada.password };
  await createUser(relay.databaseUrl, { ...name, role: 'viewer' });
  const enter = async () => {
    const { body } = await stranger()('POST', '/admin/login', { ...name, answer: 'token' });
    return askAdmin(relay.url, { authorization: `Bearer ${body.token}` });
  };
  const sessions = [await enter(), await enter(), await enter()];
  const statuses = () => Promise.all(sessions.map(async ask => (await ask('GET', '/admin/session')).status));
  expect(await statuses()).toEqual([401, 200, 200]);
  sessions.push(await enter());
  expect(await statuses()).toEqual([401, 401, 200, 200]);
  await sql.query('ALTER TABLE admin_sessions ENABLE TRIGGER admin_sessions_end');
});

test('a wrong password and an unknown name get the same answer', async () => {
  const wrong = await stranger()('POST', '/admin/login', { ...ada, password: 'wrong horse battery' });
  const unknown = await stranger()('POST', '/admin/login', { ...ada, username: 'nobody' });
  expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
  expect(unknown.body).toEqual(wrong.body);
});

test('a program gets the token itself and needs no CSRF token', async () => {
  const { body } = await stranger()('POST', '/admin/login', { ...ada, answer: 'token' });
  const script = askAdmin(relay.url, { authorization: `Bearer ${body.token}` });
  expect((await script('GET', '/admin/session')).body.user.username).toBe('ada');
  expect((await script('POST', '/admin/logout')).status).toBe(204);
  expect((await script('GET', '/admin/session')).status).toBe(401);
});

test('testers of the harness are signed in', async () => {
  const tester = await signInAs(relay, { role: 'viewer' });
  expect((await tester.browser('GET', '/admin/session')).body.user.role).toBe('viewer');
  expect((await tester.script('GET', '/admin/session')).body.csrfToken).toBe(tester.csrfToken);
});

test('what is not there is not found, with and without a session', async () => {
  expect((await stranger()('GET', '/admin/nothing-of-this-name')).status).toBe(404);
  expect(await stranger()('DELETE', '/admin/login')).toMatchObject({
    status: 405,
    body: { code: 'method_not_allowed' },
  });
});
