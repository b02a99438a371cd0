import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { insertApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdminUser } from '../../services/relay/admin/users.ts';
import { prefixOf, randomApiKey } from '../../services/relay/keys/api-key-format.ts';
import { APIKeyManager } from '../../services/relay/keys/api-key-manager.ts';
import { createKeyDigest } from '../../services/relay/keys/key-digest.ts';
import { createPasswordHash, type PasswordHash } from '../../services/relay/keys/password-hash.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

const SECRET = 'a secret of thirty-two characters or more';
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let proxy: TcpProxy;
let store: PostgresPool;
let bcrypt: PasswordHash;
/** How often the real bcrypt was asked to compare. */
let comparisons: number;
let now: number;
const managers: APIKeyManager[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await startTcpProxy(database.url);
  store = createPool({ databaseUrl: proxy.url, name: 'test', max: 5, logger });
  bcrypt = createPasswordHash();
  comparisons = 0;
  now = Date.now();
});

afterEach(async () => {
  await Promise.all(managers.splice(0).map(manager => manager.stop()));
  await Promise.all([bcrypt.stop(), store.stop()]);
  await proxy.stop();
  await database.drop();
});

function createManager(adminSecret = SECRET): APIKeyManager {
  const passwordHash: PasswordHash = {
    ...bcrypt,
    verify(secret, hash) {
      comparisons += 1;
      return bcrypt.verify(secret, hash);
    },
  };
  const manager = new APIKeyManager({ pool: store.pool, adminSecret, passwordHash, logger, now: () => now });
  managers.push(manager);
  return manager;
}

function lastDigitChanged(apiKey: string): string {
  return apiKey.slice(0, -1) + (apiKey.endsWith('0') ? '1' : '0');
}

test('a generated key is valid, is stored as bcrypt, and costs none to check', async () => {
  const { id, apiKey, prefix } = await createManager().generateKey('CRM', ['write', 'read', 'read'], 'admin');
  expect(apiKey).toMatch(/^3cxr_[0-9a-f]{64}$/);
  const { rows } = await store.pool.query('SELECT * FROM api_keys');
  expect(rows[0]).toMatchObject({ id, client_name: 'CRM', key_prefix: prefix, created_by: 'admin', active: true });
  expect(rows[0].key_hash).toMatch(/^\$2b\$12\$/);
  expect(JSON.stringify(rows)).not.toContain(apiKey.slice(13));
  expect(await bcrypt.verify(apiKey, rows[0].key_hash)).toBe(true);

  const key = { id, clientName: 'CRM', permissions: ['read', 'write'], expiresAt: null };
  expect(await createManager().validateKey(apiKey)).toEqual({ ok: true, key });
  expect(comparisons).toBe(0);
});

test('a wrong key with a known prefix is unknown and costs no bcrypt', async () => {
  const manager = createManager();
  const { apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  expect(await manager.validateKey(lastDigitChanged(apiKey))).toEqual({ ok: false, reason: 'unknown' });
  expect(comparisons).toBe(0);
});

test('a malformed key is refused while PostgreSQL is away, because nobody asks it', async () => {
  await proxy.cut();
  const manager = createManager();
  for (const text of ['', 'x', `3cxr_${'A'.repeat(64)}`, `3cxr_${'a'.repeat(65)}`, ` 3cxr_${'a'.repeat(64)}`]) {
    expect(await manager.validateKey(text)).toEqual({ ok: false, reason: 'malformed' });
  }
});

test('a changed ADMIN_SECRET sends a key through bcrypt once, however many ask at once', async () => {
  const { apiKey } = await createManager().generateKey('CRM', ['read'], 'admin');
  const changed = createManager('another secret of thirty-two characters');
  const answers = await Promise.all(Array.from({ length: 20 }, () => changed.validateKey(apiKey)));
  expect(answers.every(answer => answer.ok)).toBe(true);
  expect(comparisons).toBe(1);
  const restarted = createManager('another secret of thirty-two characters');
  expect((await restarted.validateKey(apiKey)).ok).toBe(true);
  expect(comparisons).toBe(1);
});

test('a key without a digest is verified by bcrypt, and a wrong one is refused by it', async () => {
  const manager = createManager();
  const { apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  await store.pool.query('UPDATE api_keys SET key_digest = NULL, digest_key_id = NULL');
  expect(await manager.validateKey(lastDigitChanged(apiKey))).toEqual({ ok: false, reason: 'unknown' });
  expect((await manager.validateKey(apiKey)).ok).toBe(true);
  expect(comparisons).toBe(2);
});

test('a revoked key is refused at once, and revoking twice says so', async () => {
  const manager = createManager();
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  expect((await manager.validateKey(apiKey)).ok).toBe(true);
  expect(await manager.revokeKey(id, 'admin')).toBe(true);
  expect(await manager.validateKey(apiKey)).toEqual({ ok: false, reason: 'revoked' });
  expect(await manager.revokeKey(id, 'admin')).toBe(false);
  expect(await manager.revokeKey(999, 'admin')).toBe(false);
});

test('a key that another process revoked is refused when the cached answer is no longer fresh', async () => {
  const [manager, other] = [createManager(), createManager()];
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  await manager.validateKey(apiKey);
  await other.revokeKey(id, 'admin');
  now += 30_001;
  expect(await manager.validateKey(apiKey)).toEqual({ ok: false, reason: 'revoked' });
});

test('a key expires at its time even when its answer is cached', async () => {
  const manager = createManager();
  const { apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  await store.pool.query('UPDATE api_keys SET expires_at = $1', [new Date(now + 1_000)]);
  expect((await manager.validateKey(apiKey)).ok).toBe(true);
  now += 1_000;
  expect(await manager.validateKey(apiKey)).toEqual({ ok: false, reason: 'expired' });
});

test('clients that are known go on while PostgreSQL is away, strangers get an error and not a refusal', async () => {
  const manager = createManager();
  const { apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  const { apiKey: stranger } = await manager.generateKey('other', ['read'], 'admin');
  await manager.validateKey(apiKey);
  await proxy.cut();
  now += 3_600_000;
  expect((await manager.validateKey(apiKey)).ok).toBe(true);
  await expect(manager.validateKey(stranger)).rejects.toMatchObject({ code: 'KEY_STORE_AWAY' });
  await proxy.restore();
  expect((await manager.validateKey(stranger)).ok).toBe(true);
});

test('a PostgreSQL that froze keeps a known client waiting for half a second, not for seconds', async () => {
  const manager = createManager();
  const { apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  await manager.validateKey(apiKey);
  proxy.freeze();
  now += 60_000;
  const startedAt = performance.now();
  expect((await manager.validateKey(apiKey)).ok).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  await proxy.cut();
  await proxy.restore();
});

test('500 keys at once after a restart cost no bcrypt', async () => {
  const digest = createKeyDigest(SECRET);
  const apiKeys = Array.from({ length: 500 }, randomApiKey);
  await Promise.all(
    apiKeys.map(apiKey =>
      insertApiKey(store.pool, {
        clientName: 'storm',
        keyHash: 'never asked',
        keyPrefix: prefixOf(apiKey) ?? '',
        keyDigest: digest.digest(apiKey),
        digestKeyId: digest.keyId,
        permissions: ['read'],
        createdBy: 'test',
        expiresAt: null,
      }),
    ),
  );
  const manager = createManager();
  const answers = await Promise.all(apiKeys.map(apiKey => manager.validateKey(apiKey)));
  expect(answers.filter(answer => answer.ok)).toHaveLength(500);
  expect(comparisons).toBe(0);
});

test('names and permissions outside the rules are refused with the rule', async () => {
  const manager = createManager();
  await expect(manager.generateKey('CRM', ['readd'], 'admin')).rejects.toThrow(
    'permissions must be some of read, history, write, monitor (it has "readd")',
  );
  await expect(manager.generateKey('CRM', [], 'admin')).rejects.toMatchObject({ code: 'API_KEY_INVALID' });
  await expect(manager.generateKey(' ', ['read'], 'admin')).rejects.toMatchObject({ code: 'API_KEY_INVALID' });
  await expect(manager.generateKey('a\nb', ['read'], 'admin')).rejects.toMatchObject({ code: 'API_KEY_INVALID' });
});

test('the list shows prefix, last use and revocation, and neither hash nor digest', async () => {
  const manager = createManager();
  const { id, apiKey, prefix } = await manager.generateKey('CRM', ['read'], 'admin');
  await manager.validateKey(apiKey);
  await manager.stop();
  await manager.revokeKey(id, 'auditor');
  const [listed] = await manager.listKeys();
  expect(listed).toMatchObject({ id, prefix, active: false, revokedBy: 'auditor', lastUsedAt: new Date(now) });
  expect(Object.keys(listed ?? {}).join()).not.toMatch(/hash|digest/i);
});

test('an admin is created once, whatever the case of the name', async () => {
  const deps = { pool: store.pool, passwordHash: bcrypt };
  const user = { username: 'admin', password: 'correct horse', role: 'admin', createdBy: 'test' };
  expect(await createAdminUser(deps, user)).toMatchObject({ ok: true, user: { username: 'admin' } });
  expect(await createAdminUser(deps, { ...user, username: 'Admin' })).toEqual({ ok: false, reason: 'exists' });
  const { rows } = await store.pool.query('SELECT password FROM admin_users');
  expect(await bcrypt.verify('correct horse', rows[0].password)).toBe(true);
  await expect(createAdminUser(deps, { ...user, role: 'root' })).rejects.toThrow('role must be admin or viewer');
  await expect(createAdminUser(deps, { ...user, password: 'short' })).rejects.toThrow('at least 12 characters');
  await expect(createAdminUser(deps, { ...user, password: 'ä'.repeat(37) })).rejects.toThrow('at most 72 bytes');
});

test('the commands of the launcher print one line of JSON and tell an existing admin by exit code 3', async () => {
  const created = await run('services/relay/keys/cli.ts', ['create', '--name', 'local', '--permissions', 'read,write']);
  expect(created).toMatchObject({ code: 0, errors: '' });
  const { id, apiKey } = JSON.parse(created.output);
  expect(created.output).toBe(`${JSON.stringify({ id, apiKey })}\n`);
  expect((await createManager().validateKey(apiKey)).ok).toBe(true);

  const args = ['create-user', '--username', 'admin', '--role', 'admin'];
  const first = await run('services/relay/admin/cli.ts', args, 'correct horse\n');
  expect(first).toMatchObject({ code: 0, output: `${JSON.stringify({ id: 1, username: 'admin' })}\n` });
  expect(await run('services/relay/admin/cli.ts', args, 'correct horse\n')).toMatchObject({ code: 3, output: '' });
});

async function run(
  file: string,
  args: string[],
  input = '',
): Promise<{ code: number; output: string; errors: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: database.url, ADMIN_SECRET: SECRET };
  const child = spawn(process.execPath, [new URL(`../../${file}`, import.meta.url).pathname, ...args], { env });
  child.stdin.end(input);
  const exit = new Promise<number>(resolve => child.once('exit', code => resolve(code ?? -1)));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, output, errors };
}
