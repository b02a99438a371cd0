import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { insertApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createAdminUser } from '../../services/relay/admin/users/new-user.ts';
import { prefixOf, randomApiKey } from '../../services/relay/keys/api-key-format.ts';
import { APIKeyManager } from '../../services/relay/keys/api-key-manager.ts';
import { type KeyOperation, toKeyAudit } from '../../services/relay/keys/key-audit.ts';
import { createKeyDigest } from '../../services/relay/keys/key-digest.ts';
import { createPasswordHash, type PasswordHash } from '../../services/relay/passwords/password-hash.ts';
import { cheapHash } from '../harness/cheap-hash.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

const SECRET = 'a secret of thirty-two characters or more';
const UNRESTRICTED = { expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null };
const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let proxy: TcpProxy;
let store: PostgresPool;
let bcrypt: PasswordHash;
/** How often the real bcrypt was asked to compare. */
let comparisons: number;
let now: number;
let operations: KeyOperation[];
const managers: APIKeyManager[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(async () => {
  proxy = await startTcpProxy(database.url);
  store = createPool({ databaseUrl: proxy.url, name: 'test', max: 5, logger });
  await store.pool.query('DELETE FROM api_keys');
  // The real bcrypt at its lowest cost: what it costs is the subject of the first test alone.
  bcrypt = cheapHash;
  comparisons = 0;
  now = Date.now();
  operations = [];
});

afterEach(async () => {
  await Promise.all(managers.splice(0).map(manager => manager.stop()));
  await store.stop();
  await proxy.stop();
});

afterAll(() => database?.drop());

function createManager(adminSecret = SECRET): APIKeyManager {
  const passwordHash: PasswordHash = {
    ...bcrypt,
    verify(secret, hash) {
      comparisons += 1;
      return bcrypt.verify(secret, hash);
    },
  };
  const onOperation = (operation: KeyOperation) => void operations.push(operation);
  const deps = { pool: store.pool, adminSecret, passwordHash, logger, now: () => now, onOperation };
  const manager = new APIKeyManager(deps);
  managers.push(manager);
  return manager;
}

function lastDigitChanged(apiKey: string): string {
  return apiKey.slice(0, -1) + (apiKey.endsWith('0') ? '1' : '0');
}

test('a generated key is valid, is stored as bcrypt, and costs none to check', async () => {
  bcrypt = createPasswordHash();
  onTestFinished(bcrypt.stop);
  const { id, apiKey, prefix } = await createManager().generateKey('CRM', ['write', 'read', 'read'], 'admin');
  expect(apiKey).toMatch(/^3cxr_[0-9a-f]{64}$/);
  const { rows } = await store.pool.query('SELECT * FROM api_keys');
  expect(rows[0]).toMatchObject({ id, client_name: 'CRM', key_prefix: prefix, created_by: 'admin', active: true });
  expect(rows[0].key_hash).toMatch(/^\$2b\$12\$/);
  expect(JSON.stringify(rows)).not.toContain(apiKey.slice(13));
  expect(await bcrypt.verify(apiKey, rows[0].key_hash)).toBe(true);

  const key = { id, clientName: 'CRM', permissions: ['read', 'write'], ...UNRESTRICTED };
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

test('a PostgreSQL that froze keeps a stranger waiting for some seconds, and not for as long as a query may take', async () => {
  const manager = createManager();
  const { apiKey: stranger } = await manager.generateKey('other', ['read'], 'admin');
  proxy.freeze();
  const startedAt = performance.now();
  await expect(manager.validateKey(stranger)).rejects.toMatchObject({ code: 'KEY_STORE_AWAY' });
  expect(performance.now() - startedAt).toBeLessThan(12_000);
  await proxy.restore();
  // The connection that waited in vain is not used again.
  expect((await manager.validateKey(stranger)).ok).toBe(true);
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
        ...UNRESTRICTED,
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

test('the list knows of a use at once, before it is written', async () => {
  const manager = createManager();
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin');
  await manager.validateKey(apiKey);
  expect(await manager.listKeys()).toMatchObject([{ id, lastUsedAt: new Date(now) }]);
});

test('what a key is restricted to is stored, listed and part of every answer', async () => {
  const manager = createManager();
  const expiresAt = new Date(now + 60_000);
  const options = {
    expiresAt,
    dns: ['101', '102'],
    addresses: ['10.0.0.0/8'],
    limits: { maxConnections: 3, requestsPerSecond: 5 },
  };
  const restrictions = {
    expiresAt,
    dns: ['101', '102'],
    addresses: ['10.0.0.0/8'],
    maxConnections: 3,
    requestsPerSecond: 5,
  };
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin', options);
  expect(await manager.validateKey(apiKey)).toEqual({
    ok: true,
    key: { id, clientName: 'CRM', permissions: ['read'], ...restrictions },
  });
  expect(await manager.listKeys()).toEqual([expect.objectContaining({ id, ...restrictions, replacedBy: null })]);
  await expect(manager.generateKey('CRM', ['read'], 'admin', { dns: ['1 2'] })).rejects.toThrow('dns.0 must be');
  expect(await manager.listKeys()).toHaveLength(1);
});

test('a key is found by its id with the same answer', async () => {
  const manager = createManager();
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin', { expiresAt: new Date(now + 1_000) });
  expect(await manager.validateKeyId(id)).toEqual(await manager.validateKey(apiKey));
  expect(await manager.validateKeyId(id + 1)).toEqual({ ok: false, reason: 'unknown' });
  for (const none of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
    expect(await manager.validateKeyId(none)).toEqual({ ok: false, reason: 'malformed' });
  }
  now += 1_000;
  expect(await manager.validateKeyId(id)).toEqual({ ok: false, reason: 'expired' });
  now -= 1_000;
  await manager.revokeKey(id, 'admin');
  expect(await manager.validateKeyId(id)).toEqual({ ok: false, reason: 'revoked' });
});

test('a rotated key goes on beside its successor until the overlap is over', async () => {
  const manager = createManager();
  const old = await manager.generateKey('CRM', ['read', 'write'], 'admin', {
    dns: ['101'],
    limits: { maxConnections: 2 },
  });
  const rotated = await manager.rotateKey(old.id, { overlapMs: 10_000, rotatedBy: 'auditor' });
  expect(rotated.oldExpiresAt).toEqual(new Date(now + 10_000));
  const [before, after] = await Promise.all([manager.validateKey(old.apiKey), manager.validateKey(rotated.apiKey)]);
  const same = { clientName: 'CRM', permissions: ['read', 'write'], dns: ['101'], maxConnections: 2 };
  expect(before).toMatchObject({ ok: true, key: { id: old.id, ...same, expiresAt: rotated.oldExpiresAt } });
  expect(after).toMatchObject({ ok: true, key: { id: rotated.id, ...same, expiresAt: null } });
  expect(await manager.listKeys()).toMatchObject([
    { id: old.id, replacedBy: rotated.id, createdBy: 'admin' },
    { id: rotated.id, replacedBy: null, createdBy: 'auditor' },
  ]);
  now += 10_000;
  expect(await manager.validateKey(old.apiKey)).toEqual({ ok: false, reason: 'expired' });
  expect((await manager.validateKey(rotated.apiKey)).ok).toBe(true);
});

test('no overlap makes a key live longer than it would have', async () => {
  const manager = createManager();
  const expiresAt = new Date(now + 1_000);
  const { id } = await manager.generateKey('CRM', ['read'], 'admin', { expiresAt });
  const rotated = await manager.rotateKey(id, { overlapMs: 10_000, rotatedBy: 'admin' });
  expect(rotated.oldExpiresAt).toEqual(expiresAt);
  expect(await manager.validateKey(rotated.apiKey)).toMatchObject({ key: { expiresAt } });
});

test('a key is rotated once, whoever tries at the same time, and only while it is in force', async () => {
  const manager = createManager();
  const overlap = { overlapMs: 1_000, rotatedBy: 'admin' };
  const { id } = await manager.generateKey('CRM', ['read'], 'admin');
  const tries = await Promise.allSettled([1, 2, 3].map(() => manager.rotateKey(id, overlap)));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const keys = await manager.listKeys();
  expect(keys).toHaveLength(2);
  await expect(manager.rotateKey(id, overlap)).rejects.toMatchObject({
    code: 'API_KEY_NOT_ROTATABLE',
    message: `key ${id} was replaced by key ${keys[1]?.id}: rotate that one`,
  });
  await expect(manager.rotateKey(999, overlap)).rejects.toThrow(
    'there is no key 999: take the id from the list of keys',
  );
  const revoked = await manager.generateKey('CRM', ['read'], 'admin');
  await manager.revokeKey(revoked.id, 'admin');
  await expect(manager.rotateKey(revoked.id, overlap)).rejects.toThrow('was revoked: make a new one');
  const expired = await manager.generateKey('CRM', ['read'], 'admin', { expiresAt: new Date(now + 1) });
  now += 1;
  await expect(manager.rotateKey(expired.id, overlap)).rejects.toThrow('has expired: make a new one');
});

test('what was done to keys is told for the audit, with everything but the keys', async () => {
  const manager = createManager();
  const { id, apiKey } = await manager.generateKey('CRM', ['read'], 'admin', { dns: ['101'] });
  const rotated = await manager.rotateKey(id, { overlapMs: 0, rotatedBy: 'admin' });
  await manager.revokeKey(rotated.id, 'auditor');
  await manager.revokeKey(rotated.id, 'auditor');
  await expect(manager.generateKey('', ['read'], 'admin')).rejects.toThrow('clientName');
  const records = operations.map(toKeyAudit);
  expect(records).toMatchObject([
    {
      action: 'api_key.create',
      target: `api_key:${id}`,
      outcome: 'done',
      details: { clientName: 'CRM', dns: ['101'] },
    },
    { action: 'api_key.rotate', target: `api_key:${id}`, details: { replacedBy: { id: rotated.id } } },
    { action: 'api_key.revoke', target: `api_key:${rotated.id}`, actor: { kind: 'system', name: 'auditor' } },
  ]);
  for (const secret of [apiKey, rotated.apiKey]) expect(JSON.stringify(records)).not.toContain(secret.slice(13));
});

test('an admin is created once, whatever the case of the name', async () => {
  const deps = { pool: store.pool, hash: bcrypt.hash };
  const password = 'correct horse battery';
  const user = { username: 'admin', password, role: 'admin', createdBy: 'test', temporaryUntil: null };
  expect(await createAdminUser(deps, user)).toMatchObject({ ok: true, user: { username: 'admin' } });
  expect(await createAdminUser(deps, { ...user, username: 'Admin' })).toEqual({ ok: false, reason: 'exists' });
  const { rows } = await store.pool.query('SELECT password FROM admin_users');
  expect(await bcrypt.verify('correct horse battery', rows[0].password)).toBe(true);
  await expect(createAdminUser(deps, { ...user, role: 'root' })).rejects.toThrow('role must be one of admin, viewer');
  await expect(createAdminUser(deps, { ...user, password: 'short' })).rejects.toThrow('at least 12 characters');
  await expect(createAdminUser(deps, { ...user, password: 'ä'.repeat(37) })).rejects.toThrow('at most 72 bytes');
});
