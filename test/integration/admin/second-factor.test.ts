import { account, recoveryCodes, totpOffer } from '@3cx-relay/shared/wire/admin/account.ts';
import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs } from '../../harness/sign-in.ts';

let relay: TestRelay;
let tester: SignedInTester;
let sql: pg.Client;
const password = 'correct horse battery';
const STEP_MS = 30_000;

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '100' });
  tester = await signInAs(relay, { role: 'viewer', password });
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
});

afterAll(async () => {
  await sql?.end();
  await relay?.stop();
});

const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * STEP_MS });

const signIn = (more: object = {}) =>
  askAdmin(relay.url)('POST', '/admin/login', { username: tester.user.username, password, ...more });

/** Takes the user back to before he gave any code. */
const forgetSteps = () => sql.query('UPDATE admin_users SET totp_last_step = NULL WHERE id = $1', [tester.user.id]);

let secret = '';
let codes: string[] = [];
/** The code that confirmed the second factor. */
let confirming = '';

test('a second factor is in force once a code of it was given, and its secret is not readable in the table', async () => {
  const offer = async (given: string) => tester.browser('POST', '/admin/account/totp', { password: given });
  expect(await offer('wrong horse battery')).toMatchObject({ status: 403, body: { field: 'password' } });
  ({ secret } = totpOffer.strict().parse((await offer(password)).body));
  expect((await signIn()).status).toBe(200);
  const confirm = (code: string) => tester.browser('POST', '/admin/account/totp/confirm', { code });
  expect(await confirm(codeOf(secret, 40))).toMatchObject({ status: 400, body: { field: 'code' } });
  expect(await confirm('12345')).toMatchObject({ status: 400, body: { field: 'code' } });
  confirming = codeOf(secret);
  const confirmed = await confirm(confirming);
  ({ recoveryCodes: codes } = recoveryCodes.strict().parse(confirmed.body));
  expect(new Set(codes).size).toBe(10);
  const { rows } = await sql.query('SELECT totp_secret FROM admin_users WHERE id = $1', [tester.user.id]);
  expect(rows[0].totp_secret.includes(Buffer.from(Secret.fromBase32(secret).bytes))).toBe(false);
  const own = account.strict().parse((await tester.browser('GET', '/admin/account')).body);
  expect(own).toMatchObject({ user: { hasSecondFactor: true }, recoveryCodesLeft: 10 });
});

test('from then on the password alone is not enough, and says so only to who knows it', async () => {
  expect(await signIn()).toMatchObject({ status: 401, body: { code: 'totp_required' } });
  expect(await signIn({ password: 'wrong horse battery' })).toMatchObject({ body: { code: 'invalid_credentials' } });
  expect(await signIn({ totp: codeOf(secret, 40) })).toMatchObject({ status: 401, body: { code: 'invalid_totp' } });
});

test('a code is good once, and none from before it is good any more', async () => {
  // The one that confirmed the second factor is used up, too; by now its half minute may be over.
  expect((await signIn({ totp: confirming })).body.code).toBe('invalid_totp');
  await forgetSteps();
  const [before, code] = [codeOf(secret, -1), codeOf(secret)];
  const answers = await Promise.all([signIn({ totp: code }), signIn({ totp: code }), signIn({ totp: code })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  expect((await signIn({ totp: before })).body.code).toBe('invalid_totp');
});

test('a recovery code is good once, however it is typed', async () => {
  const [first = '', second = ''] = codes;
  const typed = first.toLowerCase().replaceAll('-', ' ');
  const answers = await Promise.all([signIn({ recoveryCode: typed }), signIn({ recoveryCode: first })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  expect((await tester.browser('GET', '/admin/account')).body.recoveryCodesLeft).toBe(9);
  const [, , third = ''] = codes;
  const renew = (more: object) => tester.browser('POST', '/admin/account/recovery-codes', { password, ...more });
  const renewed = await renew({ recoveryCode: third });
  expect((await signIn({ recoveryCode: second })).status).toBe(401);
  expect((await signIn({ recoveryCode: renewed.body.recoveryCodes[0] })).status).toBe(200);
});

test('an API key does not depend on a second factor, and an admin removes it for who lost it', async () => {
  const health = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
  expect(health.status).toBe(200);
  const admin = await signInAs(relay);
  expect((await admin.browser('DELETE', `/admin/users/${tester.user.id}/totp`)).status).toBe(204);
  expect((await signIn()).status).toBe(200);
  const renew = await tester.browser('POST', '/admin/account/recovery-codes', { password });
  expect(renew).toMatchObject({ status: 409, body: { code: 'not_possible' } });
});

test('whoever has a second factor changes and removes it with his password and the factor itself', async () => {
  ({ secret } = (await tester.browser('POST', '/admin/account/totp', { password })).body);
  const confirmed = await tester.browser('POST', '/admin/account/totp/confirm', { code: codeOf(secret) });
  const [first, second] = confirmed.body.recoveryCodes;
  expect((await signIn()).body.code).toBe('totp_required');
  const changes = [
    ['POST', '/admin/account/totp'],
    ['POST', '/admin/account/recovery-codes'],
    ['DELETE', '/admin/account/totp'],
  ] as const;
  for (const [method, path] of changes) {
    const change = async (body: object) => {
      const { status, body: answer } = await tester.browser(method, path, body);
      return [path, status, answer.code, answer.field];
    };
    expect(await change({ password: 'wrong horse battery' })).toEqual([path, 403, 'wrong_password', 'password']);
    expect(await change({ password })).toEqual([path, 403, 'second_factor_required', 'totp']);
    const wrong = { totp: codeOf(secret, 40) };
    expect(await change({ password, ...wrong })).toEqual([path, 403, 'wrong_second_factor', 'totp']);
    const unknown = { recoveryCode: '0000-0000-0000-0000' };
    expect(await change({ password, ...unknown })).toEqual([path, 403, 'wrong_second_factor', 'recoveryCode']);
  }
  const offered = await tester.browser('POST', '/admin/account/totp', { password, recoveryCode: first });
  expect(offered.status).toBe(200);
  // Each is good once, here as well.
  const remove = (more: object) => tester.browser('DELETE', '/admin/account/totp', { password, ...more });
  expect((await remove({ recoveryCode: first })).status).toBe(403);
  await forgetSteps();
  expect((await remove({ totp: codeOf(secret) })).status).toBe(204);
  expect((await remove({ recoveryCode: second })).status).toBe(204);
  expect((await signIn()).status).toBe(200);
});

test('a secret that cannot be read lets nobody in, is reported, and a recovery code still helps', async () => {
  ({ secret } = (await tester.browser('POST', '/admin/account/totp', { password })).body);
  ({ recoveryCodes: codes } = (
    await tester.browser('POST', '/admin/account/totp/confirm', { code: codeOf(secret) })
  ).body);
  await sql.query("UPDATE admin_users SET totp_last_step = NULL, totp_secret = '\\x00112233' || totp_secret");
  expect((await signIn({ totp: codeOf(secret) })).body.code).toBe('invalid_totp');
  expect((await signIn({ recoveryCode: codes[0] })).status).toBe(200);
});
