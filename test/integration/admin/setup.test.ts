import { sessionAnswer } from '@3cx-relay/shared/wire/admin/session.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callCommandLine, type Ran } from '../../harness/command-line.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin } from '../../harness/sign-in.ts';

let relay: TestRelay;

beforeAll(async () => {
  relay = await startTestRelay();
});

afterAll(() => relay?.stop());

function askShell(): Promise<Ran> {
  const stores = { DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId };
  return callCommandLine(['user', 'setup-code'], stores);
}

const setupCode = async (): Promise<string> => JSON.parse((await askShell()).output).setupCode;

const ask = () => askAdmin(relay.url);
const ada = { username: 'ada', password: 'six purple elephants' };
const setUp = (code: string, more = {}) => ask()('POST', '/admin/setup', { setupCode: code, ...ada, ...more });

test('whoever has a shell makes the first user in the panel, with a code that is good once', async () => {
  expect((await ask()('GET', '/admin/setup')).body).toEqual({ needed: true, session: null });
  expect(await setUp('0000-0000-0000-0000')).toMatchObject({ status: 401, body: { code: 'invalid_setup_code' } });
  const [first, code] = [await setupCode(), await setupCode()];
  // A new code ends the one before.
  expect((await setUp(first)).status).toBe(401);
  expect(await setUp(code, { password: 'password1234' })).toMatchObject({ status: 400, body: { field: 'password' } });
  // Only one of them is first.
  const answers = await Promise.all([setUp(code.toLowerCase()), setUp(code, { username: 'bob' })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, expect.any(Number)]);
  const made = answers.find(({ status }) => status === 201);
  expect(sessionAnswer.strict().parse(made?.body)).toMatchObject({
    user: { role: 'admin', mustChangePassword: false },
  });
  const cookie = made?.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await askAdmin(relay.url, { cookie })('GET', '/admin/users')).body.users).toHaveLength(1);
});

test('from the first user on there is no setup any more', async () => {
  expect((await ask()('GET', '/admin/setup')).body).toEqual({ needed: false, session: null });
  expect(await setUp('0000-0000-0000-0000')).toMatchObject({ status: 409, body: { code: 'setup_done' } });
  expect(await askShell()).toMatchObject({ code: 3, errors: expect.stringContaining('there is a user already') });
});

test('a code is not good for longer than an hour', async () => {
  const fresh = await startTestRelay();
  const sql = new pg.Client({ connectionString: fresh.databaseUrl });
  await sql.connect();
  const { digestOfReadableCode } = await import('@3cx-relay/relay/admin/auth/readable-code.ts');
  const digest = digestOfReadableCode('0123-4567-89AB-CDEF');
  await sql.query(
    "INSERT INTO admin_setup_codes VALUES ($1, now() - interval '61 minutes', now() - interval '1 minute')",
    [digest],
  );
  await sql.end();
  const answer = await askAdmin(fresh.url)('POST', '/admin/setup', { setupCode: '0123-4567-89AB-CDEF', ...ada });
  expect(answer.status).toBe(401);
  await fresh.stop();
});

test('an instance without a panel answers nothing under /admin/, and the relay works', async () => {
  const { databaseUrl, redisUrl, pbxId } = relay;
  const stores = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PBX_ID: pbxId };
  const bare = await startTestRelay({ ...stores, ADMIN_ENABLED: 'false' });
  for (const [method, path] of [
    ['GET', '/admin/'],
    ['GET', '/admin/session'],
    ['POST', '/admin/login'],
    ['GET', '/admin/setup'],
    ['GET', '/admin/relay/active-calls'],
  ] as const) {
    expect([path, (await askAdmin(bare.url)(method, path)).status]).toEqual([path, 404]);
  }
  const calls = await fetch(`${bare.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
  expect(calls.status).toBe(200);
  await bare.stop();
});

test('what breaks in the admin API is a problem and an entry of errors, and the relay goes on', async () => {
  const fresh = await startTestRelay();
  const sql = new pg.Client({ connectionString: fresh.databaseUrl });
  await sql.connect();
  await sql.query('ALTER TABLE admin_users RENAME TO admin_users_elsewhere');
  await sql.end();
  const answer = await askAdmin(fresh.url)('GET', '/admin/setup');
  expect(answer).toMatchObject({ status: 500, body: { code: 'internal' } });
  const relayApi = askAdmin(fresh.url, { 'x-api-key': fresh.apiKey });
  expect((await relayApi('GET', '/relay/active-calls')).body).toMatchObject({ calls: [] });
  const errors = await relayApi('GET', '/relay/events?channel=errors&after=start&wait=5');
  expect(JSON.stringify(errors.body.events)).toContain('/admin/setup');
  await fresh.stop();
});
