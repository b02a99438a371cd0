import { randomUUID } from 'node:crypto';
import { totpOffer } from '@3cx-relay/shared/wire/admin/account.ts';
import { Redis } from 'ioredis';
import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callCommandLine } from '../../harness/command-line.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, createUser, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';

let relay: TestRelay;
/** Another instance beside it, whose locks last longer than a test. */
let strict: TestRelay;

beforeAll(async () => {
  relay = await startTestRelay({
    ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '2',
    ADMIN_FAILED_SIGN_INS_PER_USER: '4',
    ADMIN_FAILED_SIGN_INS_PER_ADDRESS: '6',
    ADMIN_LOCKOUT_MS: '1000',
    ADMIN_MAX_LOCKOUT_MS: '4000',
    ADMIN_FAILED_SIGN_IN_AUDITS_PER_MINUTE: '3',
  });
  strict = await startTestRelay({
    ...{ DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId },
    ...{ ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '2', ADMIN_FAILED_SIGN_INS_PER_ADDRESS: '3' },
    ADMIN_LOCKOUT_MS: '60000',
  });
});

afterAll(async () => {
  await strict?.stop();
  await relay?.stop();
});

const password = 'correct horse battery';
let users = 0;

async function newUser(): Promise<string> {
  users += 1;
  const username = `user${users}`;
  await createUser(relay.databaseUrl, { username, role: 'viewer', password });
  return username;
}

const signIn = (username: string, from: string, given = 'wrong horse battery', { url } = relay) =>
  askAdmin(url, { 'x-real-ip': from })('POST', '/admin/login', { username, password: given });

/** Returns what it says on stdout. */
async function unlockInShell(...who: string[]): Promise<unknown> {
  const stores = { DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId };
  const { code, output, errors } = await callCommandLine(['user', 'unlock', ...who], stores);
  return code === 0 ? JSON.parse(output) : Promise.reject(Object.assign(new Error(errors), { code }));
}

const statuses = async (attempts: Promise<{ status: number }>[]) => (await Promise.all(attempts)).map(a => a.status);

test('failed sign-ins lock a user for the address they come from, longer each time, and for no other', async () => {
  const username = await newUser();
  const from = '192.0.2.1';
  expect(await statuses([signIn(username, from), signIn(username, from)])).toEqual([401, 401]);
  const locked = await signIn(username, from, password);
  expect(locked).toMatchObject({ status: 429, body: { code: 'too_many_sign_ins' } });
  expect(locked.headers.get('retry-after')).toBe('1');
  expect((await signIn(username, '192.0.2.2', password)).status).toBe(200);

  const admin = await signInAs(relay);
  const listed = async () =>
    (await admin.browser('GET', '/admin/users')).body.users.find(
      (user: { username: string }) => user.username === username,
    );
  // Without an attempt, which would count for the address.
  await waitFor(async () => (await listed()).lockedUntil === null, { what: 'the first lock to be over' });
  expect(await statuses([signIn(username, from), signIn(username, from)])).toEqual([401, 401]);
  expect((await signIn(username, from)).headers.get('retry-after')).toBe('2');

  const { id, lockedUntil } = await listed();
  expect(new Date(lockedUntil).getTime()).toBeGreaterThan(Date.now());
  expect((await admin.browser('POST', `/admin/users/${id}/unlock`)).status).toBe(204);
  expect((await signIn(username, from, password)).status).toBe(200);
});

test('a stranger with many addresses locks a user, but not where that user always is, and a shell unlocks him', async () => {
  const username = await newUser();
  const home = '192.0.2.20';
  expect((await signIn(username, home, password)).status).toBe(200);
  const guesses = ['198.51.100.1', '198.51.100.2', '2001:db8:1::1', '2001:db8:2::1'];
  expect(await statuses(guesses.map(from => signIn(username, from)))).toEqual([401, 401, 401, 401]);
  expect((await signIn(username, '198.51.100.9', password)).status).toBe(429);
  expect((await signIn(username, home, password)).status).toBe(200);
  expect(await unlockInShell('--username', username)).toEqual({ unlocked: username });
  expect((await signIn(username, '198.51.100.9', password)).status).toBe(200);
});

test('an address that guesses at many names is locked out of all', async () => {
  const from = '203.0.113.5';
  const answers = await statuses(['a', 'b', 'c', 'd', 'e', 'f'].map(name => signIn(`nobody-${name}`, from)));
  expect(answers).toEqual(Array(6).fill(401));
  expect((await signIn(await newUser(), from, password)).status).toBe(429);
});

test('the audit tells of failures without a password, and at a pace that strangers do not set', async () => {
  const redis = new Redis(relay.redisUrl);
  const entries = await redis.xrange(`relay:{${relay.pbxId}}:log:audit`, '-', '+');
  await redis.quit();
  const texts = entries.map(([, fields]) => fields.join(' '));
  const failed = texts.filter(text => text.includes('"action":"sign_in"') && text.includes('"outcome":"failed"'));
  expect(failed).toHaveLength(3);
  expect(failed[0]).toMatch(/"address":"192\.0\.2\.1","target":"user:\d+".*"reason":"invalid_credentials"/);
  expect(texts.join()).not.toContain('horse');
});

test('a hundred guesses at once are no more than one after the other', async () => {
  const username = await newUser();
  // A lock of a second would be over before a busy machine has answered all of them.
  const guess = () => signIn(username, '192.0.2.10', 'wrong horse battery', strict);
  const answers = await statuses(Array.from({ length: 30 }, guess));
  expect(answers.filter(status => status === 401)).toHaveLength(2);
  expect(answers.filter(status => status === 429)).toHaveLength(28);
});

test('unlocking a user lifts the lock of the network he always is in, and a shell that of any address', async () => {
  const [username, colleague] = [await newUser(), await newUser()];
  const enter = (name: string, from: string) => signIn(name, from, password, strict);
  async function guess(from: string): Promise<void> {
    for (const name of ['nobody', 'anybody', 'somebody']) await signIn(name, from, 'wrong', strict);
  }
  const office = '203.0.113.20';
  expect((await enter(username, office)).status).toBe(200);
  await guess(office);
  expect((await enter(username, office)).status).toBe(429);

  const admin = await signInAs({ url: strict.url, databaseUrl: relay.databaseUrl });
  const { users: listed } = (await admin.browser('GET', '/admin/users')).body;
  const [own, other] = [username, colleague].map(name =>
    listed.find((user: { username: string }) => user.username === name),
  );
  expect(new Date(own.lockedUntil).getTime()).toBeGreaterThan(Date.now());
  expect(other.lockedUntil).toBeNull();
  expect((await admin.browser('POST', `/admin/users/${own.id}/unlock`)).status).toBe(204);
  expect((await enter(username, office)).status).toBe(200);

  await guess('2001:db8:5::1');
  expect((await enter(colleague, '2001:db8:5::2')).status).toBe(429);
  expect(await unlockInShell('--address', '2001:db8:5::1')).toEqual({ unlocked: '2001:db8:5::1' });
  expect((await enter(colleague, '2001:db8:5::2')).status).toBe(200);
  await expect(unlockInShell('--address', 'here')).rejects.toMatchObject({ code: 2 });
});

test('without Redis nobody signs in, because nobody would count, and who is signed in goes on', async () => {
  const proxy = await startTcpProxy(relay.redisUrl);
  const behind = await startTestRelay({ DATABASE_URL: relay.databaseUrl, REDIS_URL: proxy.url, PBX_ID: relay.pbxId });
  const username = await newUser();
  const tester = await signInAs({ url: behind.url, databaseUrl: relay.databaseUrl });
  await proxy.cut();
  const answer = await askAdmin(behind.url)('POST', '/admin/login', { username, password });
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect((await tester.browser('GET', '/admin/session')).status).toBe(200);
  await proxy.restore();
  const works = async () => (await askAdmin(behind.url)('POST', '/admin/login', { username, password })).status === 200;
  await waitFor(works, { what: 'signing in to work again' });
  await behind.stop();
  await proxy.stop();
});

test('attempts that nobody could judge, because PostgreSQL is away, lock nobody out', async () => {
  const proxy = await startTcpProxy(relay.databaseUrl);
  const behind = await startTestRelay({
    ...{ DATABASE_URL: proxy.url, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId },
    ...{ ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '2', ADMIN_LOCKOUT_MS: '60000' },
  });
  const username = await newUser();
  const enter = () => signIn(username, '192.0.2.77', password, behind);
  await proxy.cut();
  for (let n = 0; n < 4; n += 1) expect((await enter()).status).toBe(503);
  await proxy.restore();
  const answers: number[] = [];
  await waitFor(async () => answers[answers.push((await enter()).status) - 1] === 200, { what: 'to be let in' });
  expect(answers).not.toContain(429);
  await behind.stop();
  await proxy.stop();
});

test('a password without its second factor lifts no count of guesses at that one', async () => {
  const { redisUrl, databaseUrl, pbxId } = relay;
  const patient = await startTestRelay({
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PBX_ID: pbxId },
    ...{ ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS: '4', ADMIN_FAILED_SIGN_INS_PER_ADDRESS: '100' },
  });
  const { browser } = await signInAs(patient, { role: 'viewer', password });
  const { secret } = totpOffer.parse((await browser('POST', '/admin/account/totp', { password })).body);
  const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate();
  expect((await browser('POST', '/admin/account/totp/confirm', { code })).status).toBe(200);
  const from = { 'x-real-ip': '192.0.2.78' };
  const statuses: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    statuses.push((await browser('POST', '/admin/account/totp', { password, totp: '000000' }, from)).status);
    if (n < 3) await browser('DELETE', `/admin/account/sessions/${randomUUID()}`, { password }, from);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 429]);
  await patient.stop();
});

test('a hash of a lower cost is replaced at the next sign-in', async () => {
  const username = await newUser();
  const { redisUrl, databaseUrl, pbxId } = relay;
  const dear = await startTestRelay(
    { REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, PBX_ID: pbxId },
    { hasRealBcryptCost: true },
  );
  const signIn = async () => (await askAdmin(dear.url)('POST', '/admin/login', { username, password })).status;
  const sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  const hash = async () =>
    (await sql.query('SELECT password FROM admin_users WHERE username = $1', [username])).rows[0].password;
  expect(await hash()).toMatch(/^\$2b\$04\$/);
  // Those that come while it is hashed anew are compared with what is stored no more.
  for (let n = 0; n < 4; n += 1) expect(await signIn()).toBe(200);
  await waitFor(async () => (await hash()).startsWith('$2b$12$'), { what: 'the password to be hashed anew' });
  expect(await signIn()).toBe(200);
  await sql.end();
  await dear.stop();
});
