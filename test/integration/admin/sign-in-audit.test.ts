import { Redis } from 'ioredis';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, createUser, type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** What the auditors learn of attempts that were not the whole of a sign-in. */
let relay: TestRelay;
let redis: Redis;
const password = 'correct horse battery';

type Entry = { action: string; actor: object; target: string | null; outcome: string; details: { reason?: string } };

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '3' });
  redis = new Redis(relay.redisUrl);
});

afterAll(async () => {
  await redis?.quit();
  await relay?.stop();
});

const signIn = (username: string, more: object = {}, from = '192.0.2.1') =>
  askAdmin(relay.url, { 'x-real-ip': from })('POST', '/admin/login', { username, password, ...more });

async function entries(): Promise<Entry[]> {
  const found = await redis.xrange(`relay:{${relay.pbxId}}:log:audit`, '-', '+');
  return found.map(([, fields]) => JSON.parse(fields[fields.indexOf('b') + 1] ?? '{}').data);
}

/** Waits until `count` entries are there that match. */
const entriesOf = (match: (entry: Entry) => boolean, count = 1) =>
  waitFor(
    async () => {
      const found = (await entries()).filter(match);
      return found.length >= count && found;
    },
    { what: `${count} entries of the audit` },
  );

test('a failed sign-in names whoever it was meant for, and nothing that was typed when there is nobody of this name', async () => {
  const id = await createUser(relay.databaseUrl, { username: 'Ada', role: 'viewer', password });
  const typed = 'purple elephants in the wrong field';
  expect((await signIn(typed)).status).toBe(401);
  for (let n = 0; n < 3; n += 1) expect((await signIn('ADA', { password: 'wrong' })).status).toBe(401);
  expect((await signIn('ada', { password: 'wrong' })).status).toBe(429);
  const failed = await entriesOf(({ action, outcome }) => action === 'sign_in' && outcome === 'failed', 5);
  const actor = { kind: 'anonymous', name: 'anonymous' };
  const ofAda = { actor, target: `user:${id}`, details: { username: 'Ada', reason: 'invalid_credentials' } };
  expect(failed).toMatchObject([
    { actor, target: null, details: { reason: 'invalid_credentials' } },
    ...[ofAda, ofAda, ofAda],
    { ...ofAda, details: { username: 'Ada', reason: 'too_many_sign_ins' } },
  ]);
  expect(JSON.stringify(failed)).not.toContain('purple');
});

test('a right password without its second factor is on record, and no failure', async () => {
  const grace = await signInAs(relay, { role: 'viewer', username: 'grace', password });
  await setUpSecondFactor(grace);
  expect((await signIn('grace')).body.code).toBe('totp_required');
  const [entry] = await entriesOf(({ outcome }) => outcome === 'second_factor_required');
  expect(entry).toMatchObject({
    ...{ action: 'sign_in', target: `user:${grace.user.id}` },
    details: { username: 'grace', reason: 'totp_required' },
  });
});

test('a wrong password is on record, too, where somebody who is signed in was to confirm it', async () => {
  const kim = await signInAs(relay, { role: 'viewer', username: 'kim', password });
  const confirm = (given: string) => kim.browser('POST', '/admin/account/totp', { password: given });
  for (let n = 0; n < 3; n += 1) expect((await confirm('wrong horse battery')).status).toBe(403);
  expect((await confirm(password)).status).toBe(429);
  const failed = await entriesOf(({ action }) => action === 'password.confirm', 4);
  const actor = { kind: 'admin', id: String(kim.user.id), name: 'kim' };
  expect(failed.map(({ details }) => details.reason)).toEqual([
    ...['wrong_password', 'wrong_password', 'wrong_password', 'too_many_sign_ins'],
  ]);
  for (const entry of failed) expect(entry).toMatchObject({ actor, outcome: 'failed', address: '127.0.0.1' });
  expect(JSON.stringify(failed)).not.toContain('horse');
});

async function setUpSecondFactor(tester: SignedInTester): Promise<void> {
  const { secret } = (await tester.browser('POST', '/admin/account/totp', { password })).body;
  const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate();
  expect((await tester.browser('POST', '/admin/account/totp/confirm', { code })).status).toBe(200);
}
