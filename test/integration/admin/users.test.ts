import { adminUser, adminUsers, userCreated } from '@3cx-relay/shared/wire/admin/users.ts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs, signInUser } from '../../harness/sign-in.ts';

let relay: TestRelay;
let admin: SignedInTester;
let sql: pg.Client;

beforeAll(async () => {
  relay = await startTestRelay();
  admin = await signInAs(relay, { username: 'root' });
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
});

afterAll(async () => {
  await sql?.end();
  await relay?.stop();
});

const signIn = (username: string, password: string) =>
  askAdmin(relay.url)('POST', '/admin/login', { username, password, answer: 'token' });

test('a user who is made with a temporary password chooses another before he sees anything', async () => {
  const made = await admin.browser('POST', '/admin/users', { username: 'ada', role: 'viewer' });
  expect(made.status).toBe(201);
  const { user, temporaryPassword = '' } = userCreated.strict().parse(made.body);
  expect(user).toMatchObject({
    username: 'ada',
    role: 'viewer',
    active: true,
    mustChangePassword: true,
    createdBy: 'root',
  });
  const session = await signIn('ada', temporaryPassword);
  expect(session.body.user.mustChangePassword).toBe(true);
  const ada = askAdmin(relay.url, { authorization: `Bearer ${session.body.token}` });
  for (const path of ['/admin/account', '/admin/account/sessions', '/admin/users']) {
    expect(await ada('GET', path)).toMatchObject({ status: 403, body: { code: 'password_change_required' } });
  }
  expect((await ada('GET', '/admin/session')).status).toBe(200);
  const newPassword = 'six purple elephants';
  const change = { currentPassword: temporaryPassword, newPassword };
  expect((await ada('POST', '/admin/account/password', change)).status).toBe(204);
  expect((await ada('GET', '/admin/account')).body.user).toMatchObject({ username: 'ada', mustChangePassword: false });
  expect((await signIn('ada', temporaryPassword)).status).toBe(401);
  expect((await signIn('ada', newPassword)).status).toBe(200);
});

test('a temporary password ends, and so do the sessions when an admin makes a new one', async () => {
  const tester = await signInAs(relay, { role: 'viewer' });
  const { body } = await admin.browser('POST', `/admin/users/${tester.user.id}/password`);
  expect((await tester.browser('GET', '/admin/session')).status).toBe(401);
  await sql.query("UPDATE admin_users SET password_expires_at = now() - interval '1 second' WHERE id = $1", [
    tester.user.id,
  ]);
  expect((await signIn(tester.user.username, body.temporaryPassword)).status).toBe(401);
  expect((await admin.browser('POST', `/admin/users/${admin.user.id}/password`)).status).toBe(403);
  expect((await admin.browser('DELETE', `/admin/users/${admin.user.id}/totp`)).status).toBe(403);
});

test('a password change ends the other sessions of the user and keeps his own', async () => {
  const tester = await signInAs(relay, { role: 'viewer', password: 'correct horse battery' });
  const elsewhere = await signInUser(relay, tester.user);
  const change = (currentPassword: string, newPassword: string) =>
    tester.browser('POST', '/admin/account/password', { currentPassword, newPassword });
  expect(await change('wrong horse battery', 'six purple elephants')).toMatchObject({
    status: 403,
    body: { code: 'wrong_password', field: 'currentPassword' },
  });
  expect(await change('correct horse battery', 'password1234')).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', field: 'newPassword' },
  });
  expect((await change('correct horse battery', 'correct horse battery')).body.field).toBe('newPassword');
  expect((await elsewhere.browser('GET', '/admin/session')).status).toBe(200);
  expect((await change('correct horse battery', 'six purple elephants')).status).toBe(204);
  expect((await elsewhere.browser('GET', '/admin/session')).status).toBe(401);
  expect((await tester.browser('GET', '/admin/session')).status).toBe(200);
});

test('whose role changes or who is deactivated is signed out; the last active admin stays', async () => {
  const tester = await signInAs(relay);
  const change = (id: number, body: object) => admin.browser('PATCH', `/admin/users/${id}`, body);
  const demoted = await change(tester.user.id, { role: 'viewer' });
  expect(adminUser.strict().parse(demoted.body.user)).toMatchObject({ role: 'viewer', sessions: 0 });
  expect((await tester.browser('GET', '/admin/session')).status).toBe(401);
  const again = await signInUser(relay, tester.user);
  expect((await change(tester.user.id, { active: false })).body.user.active).toBe(false);
  expect((await again.browser('GET', '/admin/session')).status).toBe(401);
  for (const body of [{ role: 'viewer' }, { active: false }]) {
    expect(await change(admin.user.id, body)).toMatchObject({ status: 409, body: { code: 'last_admin' } });
  }
  const [one, two] = [await signInAs(relay), await signInAs(relay)];
  // Two admins who demote each other, and the third, at once: one of them must be left.
  const demote = (by: SignedInTester, whom: SignedInTester) =>
    by.browser('PATCH', `/admin/users/${whom.user.id}`, { active: false });
  await Promise.all([demote(one, two), demote(two, one), demote(one, admin), demote(two, admin)]);
  const { rows } = await sql.query("SELECT count(*)::integer FROM admin_users WHERE role = 'admin' AND active");
  expect(rows[0].count).toBeGreaterThanOrEqual(1);
  await sql.query('UPDATE admin_users SET active = true WHERE id = $1', [admin.user.id]);
  admin = await signInUser(relay, admin.user);
});

test('users and their sessions are for admins', async () => {
  const viewer = await signInAs(relay, { role: 'viewer' });
  const { id } = viewer.user;
  const asked: [string, string, object?][] = [
    ['GET', '/admin/users'],
    ['POST', '/admin/users', { username: 'eve', role: 'admin' }],
    ['PATCH', `/admin/users/${id}`, { role: 'admin' }],
    ['POST', `/admin/users/${id}/password`],
    ['DELETE', `/admin/users/${id}/totp`],
    ['POST', `/admin/users/${id}/unlock`],
    ['GET', `/admin/users/${id}/sessions`],
    ['DELETE', `/admin/users/${id}/sessions`],
  ];
  for (const [method, path, body] of asked) {
    const [own, none] = [await viewer.browser(method, path, body), await askAdmin(relay.url)(method, path, body)];
    expect([method, path, own.status, own.body.code, none.status]).toEqual([method, path, 403, 'forbidden', 401]);
  }
  const { users, temporaryPasswordMs } = adminUsers.strict().parse((await admin.browser('GET', '/admin/users')).body);
  expect(temporaryPasswordMs).toBe(86_400_000);
  expect(users.find(user => user.id === id)).toMatchObject({ role: 'viewer', sessions: 1, lockedUntil: null });
  expect(JSON.stringify(users)).not.toMatch(/\$2b\$|totpSecret|passwordHash/);
  expect((await admin.browser('GET', `/admin/users/${id}/sessions`)).body.sessions).toMatchObject([
    { id: viewer.sessionId, isCurrent: false },
  ]);
  expect((await admin.browser('DELETE', `/admin/users/${id}/sessions`)).status).toBe(204);
  expect((await viewer.browser('GET', '/admin/session')).status).toBe(401);
});

test('what is wrong with a user is said with the field, and what is not there is not found', async () => {
  const make = (body: object) => admin.browser('POST', '/admin/users', body);
  for (const [body, field] of [
    [{ username: 'no spaces', role: 'viewer' }, 'username'],
    [{ username: 'x', role: 'root' }, 'role'],
    [{ username: 'grace', role: 'viewer', password: 'grace-hopper-1906' }, 'password'],
    [{ username: 'x', role: 'viewer', isRoot: true }, 'isRoot'],
  ] as const) {
    expect(await make(body)).toMatchObject({ status: 400, body: { code: 'invalid_request', field } });
  }
  expect(await make({ username: 'ROOT', role: 'viewer' })).toMatchObject({
    status: 409,
    body: { code: 'username_taken' },
  });
  for (const id of ['999999', '0', 'root', '99999999999']) {
    expect((await admin.browser('PATCH', `/admin/users/${id}`, { active: true })).status).toBe(404);
    expect((await admin.browser('POST', `/admin/users/${id}/password`)).status).toBe(404);
  }
  expect((await admin.browser('PATCH', `/admin/users/${admin.user.id}`, {})).status).toBe(400);
});

test('what was done to users is in the audit, with who did it from where, and without a password', async () => {
  const redis = new Redis(relay.redisUrl);
  const entries = await redis.xrange(`relay:{${relay.pbxId}}:log:audit`, '-', '+');
  await redis.quit();
  const bodies = entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('b') + 1] ?? '{}').data);
  const actions = new Set(bodies.map(({ action }) => action));
  for (const action of [
    'sign_in',
    'password.change',
    'user.create',
    'user.update',
    'user.reset_password',
    'session.end',
  ]) {
    expect([action, actions.has(action)]).toEqual([action, true]);
  }
  expect(bodies.find(({ action }) => action === 'user.create')).toMatchObject({
    ...{ actor: { kind: 'admin', name: 'root' }, address: '127.0.0.1', outcome: 'done' },
    details: { username: 'ada', role: 'viewer' },
  });
  expect(JSON.stringify(bodies)).not.toMatch(/elephants|battery|\$2b\$/);
});
