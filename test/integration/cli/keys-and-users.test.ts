import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectAdminUserByName } from '@3cx-relay/shared/store/admin-users.ts';
import { insertApiKey, type ListedApiKey, listApiKeys } from '@3cx-relay/shared/store/api-keys.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callCommandLine, runCommandLine } from '../../harness/command-line.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { createTestRedis, type TestRedis } from '../../harness/redis.ts';

/** Keys and users from a shell: what the launcher asks for as processes of their own, which take their time. */
const TIMEOUT_MS = 90_000;
const SECRET = 'a secret of thirty-two characters or more';

let database: TestDatabase;
let server: TestRedis;
let redis: Redis;
let store: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await createTestRedis();
  redis = new Redis(server.url);
  const logger = createLogger({ name: 'test', level: 'silent' });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 1, logger });
});

afterAll(async () => {
  await redis?.quit();
  await store?.stop();
  await database?.drop();
});

/** With `REDIS_URL: undefined` in `more` the command knows of no Redis. */
function environmentWith(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const stores = { DATABASE_URL: database.url, REDIS_URL: server.url, PBX_ID: server.pbxId };
  return { ADMIN_SECRET: SECRET, ...stores, ...more };
}

const run = (args: string[], input = '') => runCommandLine(args, environmentWith(), { input });
const call = (args: string[], input = '') => callCommandLine(args, environmentWith(), { input });

async function keyOf(id: number): Promise<ListedApiKey | undefined> {
  return (await listApiKeys(store.pool)).find(key => key.id === id);
}

async function audit(): Promise<object[]> {
  const entries = await redis.xrange(`relay:{${server.pbxId}}:log:audit`, '-', '+');
  return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('b') + 1] ?? '{}').data as object);
}

test(
  'the commands of the launcher print one line of JSON and tell an existing admin by exit code 3',
  async () => {
    const created = await run(['key', 'create', '--name', 'local', '--permissions', 'read,write']);
    expect(created).toMatchObject({ code: 0, errors: '' });
    const { id, apiKey } = JSON.parse(created.output);
    expect(created.output).toBe(`${JSON.stringify({ id, apiKey })}\n`);

    const user = ['user', 'create', '--username', 'admin', '--role', 'admin'];
    const first = await run(user, 'correct horse\n');
    expect(first).toMatchObject({ code: 0, output: `${JSON.stringify({ id: 1, username: 'admin' })}\n` });
    expect((await audit()).at(-1)).toMatchObject({
      action: 'user.create',
      target: 'user:1',
      details: { username: 'admin' },
    });
    const again = await run(user, 'correct horse\n');
    expect(again).toMatchObject({ code: 3, output: '' });
  },
  TIMEOUT_MS,
);

test(
  'a user whose password somebody else knows must change it, and one is made when none is given',
  async () => {
    const create = (username: string, input: string) =>
      call(['user', 'create', '--username', username, '--role', 'viewer', '--temporary'], input);
    const [given, made] = [await create('ada', 'quiet river violet stone\n'), await create('grace', '')];
    const [ada, grace] = [JSON.parse(given.output), JSON.parse(made.output)];
    expect(ada).toEqual({ id: expect.any(Number), username: 'ada', expiresAt: expect.any(String) });
    expect(grace.temporaryPassword).toMatch(/^(\w{4}-){6}\w{4}$/);
    for (const { username, expiresAt } of [ada, grace]) {
      const user = await selectAdminUserByName(store.pool, username);
      expect(user).toMatchObject({ mustChangePassword: true, passwordExpiresAt: new Date(expiresAt) });
      expect(Math.abs(Date.parse(expiresAt) - Date.now() - 86_400_000)).toBeLessThan(60_000);
    }
    // The one that an operator chose for himself.
    const chosen = await selectAdminUserByName(store.pool, 'admin');
    expect(chosen).toMatchObject({ mustChangePassword: false, passwordExpiresAt: null });
    expect(JSON.stringify(await audit())).not.toContain(grace.temporaryPassword);
    const withoutPassword = await call(['user', 'create', '--username', 'kim', '--role', 'viewer']);
    expect(withoutPassword).toMatchObject({ code: 1, output: '' });
  },
  TIMEOUT_MS,
);

test(
  'a key is made with restrictions, rotated and revoked, and the audit says so',
  async () => {
    const limits = ['--max-connections', '3', '--requests-per-second', '20'];
    const narrow = [
      '--expires',
      '2099-01-01T00:00:00Z',
      '--dns',
      '101,102',
      '--addresses',
      '10.0.0.0/8,::1',
      ...limits,
    ];
    const created = await call(['key', 'create', '--name', 'CRM', '--permissions', 'read', ...narrow]);
    const { id, apiKey } = JSON.parse(created.output);
    const restrictions = {
      dns: ['101', '102'],
      addresses: ['10.0.0.0/8', '::1'],
      maxConnections: 3,
      requestsPerSecond: 20,
    };
    expect(await keyOf(id)).toMatchObject({ ...restrictions, expiresAt: new Date('2099-01-01T00:00:00Z') });

    const rotated = await call(['key', 'rotate', '--id', String(id), '--overlap-hours', '0.5']);
    expect(rotated).toMatchObject({ code: 0, errors: '' });
    const successor = JSON.parse(rotated.output);
    expect(successor).toMatchObject({ replaces: id, apiKey: expect.stringMatching(/^3cxr_/) });
    expect(Date.parse(successor.replacedExpiresAt) - Date.now()).toBeLessThanOrEqual(30 * 60_000);
    expect(await keyOf(successor.id)).toMatchObject(restrictions);

    const revoked = await call(['key', 'revoke', '--id', String(successor.id)]);
    expect(JSON.parse(revoked.output)).toEqual({ id: successor.id, revoked: true });
    const records = await audit();
    expect(records.slice(-3)).toMatchObject([
      { action: 'api_key.create', target: `api_key:${id}`, details: restrictions },
      { action: 'api_key.rotate', target: `api_key:${id}`, details: { replacedBy: { id: successor.id } } },
      { action: 'api_key.revoke', target: `api_key:${successor.id}`, actor: { kind: 'system', name: 'command line' } },
    ]);
    for (const secret of [apiKey, successor.apiKey]) expect(JSON.stringify(records)).not.toContain(secret.slice(13));
  },
  TIMEOUT_MS,
);

test.each([
  [{ REDIS_URL: undefined }, 'REDIS_URL is not set'],
  [{ REDIS_URL: 'redis://127.0.0.1:1' }, 'is not in the audit'],
])('an operation that cannot be audited is done, and says so (%j)', async (env, reason) => {
  const secret = { keyHash: '', keyPrefix: '00000000', keyDigest: Buffer.alloc(32), digestKeyId: '' };
  const none = { expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null };
  const key = { clientName: 'CRM', permissions: ['read'], createdBy: 'test' };
  const id = await insertApiKey(store.pool, { ...key, ...secret, ...none });
  const { code, output, errors } = await runCommandLine(['key', 'revoke', '--id', String(id)], environmentWith(env));
  expect({ code, result: JSON.parse(output) }).toEqual({ code: 0, result: { id, revoked: true } });
  expect(errors).toContain(`api_key.revoke of key ${id} was done, but is not in the audit`);
  expect(errors).toContain(reason);
});

test('what is wrong is named, and how a command is called', async () => {
  const [wrong, incomplete] = await Promise.all([
    call(['key', 'create', '--name', 'CRM', '--permissions', 'read', '--addresses', '10.0.0.0/99']),
    call(['key', 'rotate', '--id', '1']),
  ]);
  expect(wrong).toMatchObject({
    code: 1,
    output: '',
    errors: expect.stringContaining('addresses.0 must be an IP address'),
  });
  expect(incomplete).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('--overlap-hours HOURS') });
});
