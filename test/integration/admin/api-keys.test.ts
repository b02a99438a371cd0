import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { addUsage } from '@3cx-relay/shared/store/usage.ts';
import { apiKeysAnswer, apiKeyUsageAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';

/** API keys as the panel manages them. */
const HOUR_MS = 3_600_000;

let relay: TestRelay;
let admin: SignedInTester;
let viewer: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay({ ADMIN_MAX_NEW_KEYS_PER_HOUR: '3' });
  [admin, viewer] = await Promise.all([signInAs(relay, { role: 'admin' }), signInAs(relay, { role: 'viewer' })]);
});

afterAll(() => relay?.stop());

async function listed(id: number) {
  const { body } = await viewer.browser('GET', '/admin/api-keys');
  return apiKeysAnswer.parse(body).apiKeys.find(key => key.id === id);
}

function useKey(apiKey: string): Promise<Response> {
  return fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': apiKey } });
}

test('a key that was made works, is told once and listed without what leads to it', async () => {
  const asked = { clientName: 'CRM', permissions: ['read'], dns: ['101'], limits: { maxConnections: 3 } };
  const { status, body } = await admin.browser('POST', '/admin/api-keys', asked);
  expect(status).toBe(201);
  expect(body).toMatchObject({ clientName: 'CRM', permissions: ['read'], expiresAt: null });
  expect((await useKey(body.apiKey)).status).toBe(200);
  const { body: list } = await viewer.browser('GET', '/admin/api-keys');
  expect(JSON.stringify(list)).not.toContain(body.apiKey.slice(13));
  expect(await listed(body.id)).toMatchObject({
    ...{ state: 'active', active: true, prefix: body.prefix, createdBy: admin.user.username },
    ...{ dns: ['101'], maxConnections: 3, connections: 0, requests24h: 0, replacedBy: null },
  });
});

test('a key that was made is answered with its name and its permissions as they are listed', async () => {
  const asked = { clientName: ' Wallboard ', permissions: ['monitor', 'read', 'monitor'] };
  const { body } = await (await signInAs(relay)).browser('POST', '/admin/api-keys', asked);
  const { clientName, permissions } = body;
  expect({ clientName, permissions }).toEqual({ clientName: 'Wallboard', permissions: ['read', 'monitor'] });
  expect(await listed(body.id)).toMatchObject({ clientName, permissions });
});

test.each(['cut', 'freeze'] as const)(
  'the keys are listed while Redis is away (%s), and that nobody knows who is connected',
  async how => {
    const proxy = await startTcpProxy(relay.redisUrl);
    const behind = await startTestRelay({
      ...{ DATABASE_URL: relay.databaseUrl, REDIS_URL: proxy.url, PBX_ID: relay.pbxId, RELAY_CLIENTS_WAIT_MS: '200' },
    });
    const { id } = await relay.createKey();
    const tester = await signInAs({ url: behind.url, databaseUrl: relay.databaseUrl }, { role: 'viewer' });
    const list = async () => {
      const { status, body } = await tester.browser('GET', '/admin/api-keys');
      expect(status).toBe(200);
      const { apiKeys, incomplete } = apiKeysAnswer.parse(body);
      return { key: apiKeys.find(key => key.id === id), incomplete };
    };
    await proxy[how]();
    const { key, incomplete } = await list();
    expect(key).toMatchObject({ state: 'active', connections: null, requests24h: 0 });
    expect(incomplete).toMatch(/Redis/);
    await proxy.restore();
    const back = await waitFor(
      async () => {
        const answer = await list();
        return answer.incomplete === null && answer;
      },
      { what: 'the connections to be known again' },
    );
    expect(back.key).toMatchObject({ connections: 0 });
    await behind.stop();
    await proxy.stop();
  },
);

test('what cannot be is refused with the field and what would be right', async () => {
  const key = { clientName: 'CRM', permissions: ['read'] };
  for (const [field, wrong] of [
    ['permissions', { permissions: ['everything'] }],
    ['clientName', { clientName: '' }],
    ['expiresAt', { expiresAt: '2001-01-01T00:00:00Z' }],
    ['expiresAt', { expiresAt: 'tomorrow' }],
    ['addresses.0', { addresses: ['nowhere'] }],
    ['limits.requestsPerSecond', { limits: { requestsPerSecond: 0 } }],
  ] as const) {
    const { status, body } = await (await signInAs(relay)).browser('POST', '/admin/api-keys', { ...key, ...wrong });
    expect([field, status, body.code, body.field]).toEqual([field, 400, 'invalid_request', field]);
  }
});

test('a rotated key goes on until the overlap is over, and cannot be rotated again', async () => {
  const old = await relay.createKey();
  const { status, body } = await admin.browser('POST', `/admin/api-keys/${old.id}/rotate`, { overlapMs: HOUR_MS });
  expect(status).toBe(201);
  expect(Date.parse(body.oldExpiresAt)).toBeGreaterThan(Date.now() + HOUR_MS - 60_000);
  expect((await useKey(old.apiKey)).status).toBe(200);
  expect((await useKey(body.apiKey)).status).toBe(200);
  expect(await listed(old.id)).toMatchObject({ state: 'rotated', replacedBy: body.id });
  const again = await admin.browser('POST', `/admin/api-keys/${old.id}/rotate`, { overlapMs: 0 });
  expect([again.status, again.body.code]).toEqual([409, 'not_rotatable']);
});

test('a revoked key lets nobody in at once, and is revoked once', async () => {
  const key = await relay.createKey();
  expect((await useKey(key.apiKey)).status).toBe(200);
  expect((await admin.browser('DELETE', `/admin/api-keys/${key.id}`)).status).toBe(204);
  expect((await useKey(key.apiKey)).status).toBe(401);
  expect((await admin.browser('DELETE', `/admin/api-keys/${key.id}`)).status).toBe(404);
  expect(await listed(key.id)).toMatchObject({ state: 'revoked', active: false, revokedBy: admin.user.username });
});

test('what is done to keys is audited with who did it and from where', async () => {
  const key = await relay.createKey();
  await admin.browser('DELETE', `/admin/api-keys/${key.id}`);
  const entry = await waitFor(
    async () => {
      const { body } = await admin.script('GET', '/admin/relay/events?channel=audit&event=api_key.revoke&after=start');
      return body.events.find(({ data }: { data: { target: string } }) => data.target === `api_key:${key.id}`)?.data;
    },
    { what: 'the revocation in the audit' },
  );
  expect(entry).toMatchObject({
    actor: { kind: 'admin', id: String(admin.user.id), name: admin.user.username },
    address: '127.0.0.1',
  });
});

test('a viewer changes nothing, and a stranger sees nothing', async () => {
  const { id } = await relay.createKey();
  const refused = await Promise.all([
    viewer.browser('POST', '/admin/api-keys', { clientName: 'x', permissions: ['read'] }),
    viewer.browser('POST', `/admin/api-keys/${id}/rotate`, { overlapMs: 0 }),
    viewer.browser('DELETE', `/admin/api-keys/${id}`),
    admin.browser('DELETE', `/admin/api-keys/${id}`, undefined, { 'x-csrf-token': '' }),
  ]);
  expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  expect((await askAdmin(relay.url)('GET', '/admin/api-keys')).status).toBe(401);
});

test('what is no key is not found', async () => {
  for (const id of ['0', 'x', '999999', '99999999999999']) {
    expect((await admin.browser('DELETE', `/admin/api-keys/${id}`)).status).toBe(404);
    expect((await admin.browser('GET', `/admin/api-keys/${id}/usage`)).status).toBe(404);
  }
});

test('usage is told in all, by period, by status and by endpoint', async () => {
  const { id } = await relay.createKey();
  const hour = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
  const before = new Date(hour.getTime() - HOUR_MS);
  const sum = { keyId: id, maxDurationMs: 9, bytes: 100 };
  const logger = pino({ level: 'silent' });
  const { pool, stop } = createPool({ databaseUrl: relay.databaseUrl, name: 'usage', max: 1, logger });
  const client = await pool.connect();
  await addUsage(client, [
    { ...sum, hour: before, endpoint: '/relay/events', status: 200, requests: 3, durationMs: 12 },
    { ...sum, hour, endpoint: '/relay/events', status: 200, requests: 1, durationMs: 4 },
    { ...sum, hour, endpoint: '/relay/cdr', status: 403, requests: 4, durationMs: 8 },
  ]);
  client.release();
  await stop();
  const { body } = await viewer.browser('GET', `/admin/api-keys/${id}/usage`);
  expect(apiKeyUsageAnswer.parse(body)).toMatchObject({
    by: 'hour',
    total: { requests: 8, errors: 4, meanMs: 3, maxMs: 9, bytes: 300 },
    periods: [
      { at: before.toISOString(), requests: 3, errors: 0, meanMs: 4 },
      { at: hour.toISOString(), requests: 5, errors: 4 },
    ],
    byStatus: [
      { status: 200, requests: 4 },
      { status: 403, requests: 4 },
    ],
  });
  expect(body.byEndpoint).toContainEqual({ endpoint: '/relay/events', requests: 4, meanMs: 4 });
  expect(await listed(id)).toMatchObject({ requests24h: 8 });
});

test('usage is asked for a span that is bounded', async () => {
  const { id } = await relay.createKey();
  const asked = async (query: string) => (await viewer.browser('GET', `/admin/api-keys/${id}/usage?${query}`)).body;
  expect(await asked('from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z')).toMatchObject({ field: 'to' });
  expect(await asked('from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z')).toMatchObject({ field: 'from' });
  expect(await asked('from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z&by=day')).toMatchObject({ by: 'day' });
  expect(await asked('by=week')).toMatchObject({ field: 'by' });
});

test('one user makes so many keys in an hour, and is told when he may go on', async () => {
  const busy = await signInAs(relay, { role: 'admin' });
  const make = (clientName = 'many') => busy.browser('POST', '/admin/api-keys', { clientName, permissions: ['read'] });
  // What was refused made no key.
  for (let refused = 0; refused < 4; refused += 1) expect((await make('')).status).toBe(400);
  const answers = await Promise.all(Array.from({ length: 5 }, () => make()));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 429, 429]);
  const { status, body, headers } = await make();
  expect([status, body.code]).toEqual([429, 'too_many_new_keys']);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(3_000);
});
