import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { type CloseVerdict, KEY_ENDED } from '@3cx-relay/shared/wire/close-codes.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { watchKeys } from '../../services/relay/keys/key-watch.ts';
import { createLiveKeys } from '../../services/relay/keys/live-keys.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { openSse } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** Two instances of the relay on the same stores; the second one's PostgreSQL can be away. */
let first: TestRelay;
let second: TestRelay;
let proxy: TcpProxy;
let sql: pg.Client;

beforeAll(async () => {
  first = await startTestRelay();
  proxy = await startTcpProxy(first.databaseUrl);
  second = await startTestRelay({ DATABASE_URL: proxy.url, REDIS_URL: first.redisUrl, PBX_ID: first.pbxId });
  sql = new pg.Client({ connectionString: first.databaseUrl });
  await sql.connect();
});

afterAll(async () => {
  await sql?.end();
  await second?.stop();
  await proxy?.stop();
  await first?.stop();
});

/** Within the second that is promised, and not because the sweep came by: that one takes ten. */
const PROMISED_MS = 1_000;

async function closeOf(closed: Promise<Pick<CloseVerdict, 'code' | 'reason'>>): Promise<unknown> {
  return Promise.race([closed, sleep(PROMISED_MS, 'still open', { ref: false })]);
}

/** Changes keys so that nobody is notified. */
async function withoutTrigger(change: () => Promise<unknown>): Promise<void> {
  await sql.query('ALTER TABLE api_keys DISABLE TRIGGER api_keys_change');
  await change();
  await sql.query('ALTER TABLE api_keys ENABLE TRIGGER api_keys_change');
}

const connect = async ({ url }: TestRelay, apiKey: string) => {
  const client = await connectClient(url, apiKey);
  await client.waitForMessage('caught_up');
  return client;
};

const ask = ({ url }: TestRelay, apiKey: string, path = '/relay/active-calls') =>
  fetch(`${url}${path}`, { headers: { 'x-api-key': apiKey } });

test('a key that is revoked anywhere loses its connections and its access at every instance within a second', async () => {
  const { id, apiKey } = await first.createKey();
  const clients = await Promise.all([first, second, second].map(relay => connect(relay, apiKey)));
  const bystander = await connect(second, first.apiKey);
  expect((await ask(second, apiKey)).status).toBe(200);
  await first.keys.revokeKey(id, 'test');
  const ends = await Promise.all(clients.map(client => closeOf(client.closed)));
  expect(ends).toEqual(Array(3).fill({ code: 4009, reason: 'key revoked or expired' }));
  expect((await ask(second, apiKey)).status).toBe(401);
  await expect(connectClient(second.url, apiKey)).rejects.toThrow('401');
  bystander.send({ type: 'ping' });
  await bystander.waitForMessage('pong');
  await bystander.close();
});

test('a key whose row is deleted by hand ends like one that is revoked', async () => {
  const { id, apiKey } = await first.createKey();
  const client = await connect(second, apiKey);
  await sql.query('DELETE FROM api_keys WHERE id = $1', [id]);
  expect(await closeOf(client.closed)).toMatchObject({ code: 4009 });
});

test('a client that answers nothing is gone within a second too', async () => {
  const { id, apiKey } = await first.createKey();
  const client = await connect(second, apiKey);
  const before = await second.metric('relay_clients');
  client.pause();
  await first.keys.revokeKey(id, 'test');
  const isGone = async () => (await second.metric('relay_clients')) === before - 1;
  await waitFor(isGone, { what: 'the silent client to be cut off', timeoutMs: PROMISED_MS });
  client.cut();
});

test('a key that is narrowed ends its connections, which come back with the new rights', async () => {
  const { id, apiKey } = await first.createKey();
  const client = await connect(second, apiKey);
  await sql.query(`UPDATE api_keys SET permissions = '["read"]' WHERE id = $1`, [id]);
  expect(await closeOf(client.closed)).toEqual({ code: 1012, reason: 'key changed' });
  const advice = client.messages.at(-1);
  expect(advice).toMatchObject({ type: 'reconnect', afterMs: expect.any(Number) });
  expect(Number(advice?.afterMs)).toBeLessThanOrEqual(1_000);
  const again = await connect(second, apiKey);
  expect(Object.keys((await again.waitForMessage('hello')).channels ?? {})).toEqual(['calls', 'health']);
  await again.close();
});

test('the last use, which is written all the time, ends nothing', async () => {
  const { id, apiKey } = await first.createKey();
  const client = await connect(second, apiKey);
  await sql.query('UPDATE api_keys SET last_used_at = now(), digest_key_id = NULL, key_digest = NULL WHERE id = $1', [
    id,
  ]);
  client.send({ type: 'ping' });
  await client.waitForMessage('pong');
  await client.close();
});

test('a key that expires ends its connections at that moment', async () => {
  const expiresAt = new Date(Date.now() + 1_500);
  const { apiKey } = await first.createKey({ expiresAt });
  const client = await connect(second, apiKey);
  expect(await client.closed).toMatchObject({ code: 4009 });
  expect(Date.now() - expiresAt.getTime()).toBeGreaterThanOrEqual(0);
  expect(Date.now() - expiresAt.getTime()).toBeLessThan(PROMISED_MS);
});

test('after a rotation both keys are served, and the old one ends when the overlap is over', async () => {
  const old = await first.createKey();
  const before = await connect(second, old.apiKey);
  const rotated = await first.keys.rotateKey(old.id, { overlapMs: 1_500, rotatedBy: 'test' });
  const after = await connect(second, rotated.apiKey);
  const late = await connect(second, old.apiKey);
  for (const client of [before, late]) expect(await client.closed).toMatchObject({ code: 4009 });
  expect(Date.now() - rotated.oldExpiresAt.getTime()).toBeLessThan(PROMISED_MS);
  await expect(connectClient(second.url, old.apiKey)).rejects.toThrow('401');
  after.send({ type: 'ping' });
  await after.waitForMessage('pong');
  await after.close();
});

test('a request that waits for events gets none on a key that ended meanwhile', async () => {
  const { id, apiKey } = await first.createKey();
  const waiting = ask(second, apiKey, '/relay/events?after=now&wait=60');
  const isWaiting = async () => (await second.metric('relay_waiting_requests')) > 0;
  await waitFor(isWaiting, { what: 'the request to wait' });
  await first.keys.revokeKey(id, 'test');
  const answer = await Promise.race([waiting, sleep(PROMISED_MS, null, { ref: false })]);
  expect(answer?.status).toBe(401);
});

test('an event stream ends with its key', async () => {
  const { id, apiKey } = await first.createKey();
  const stream = await openSse(`${second.url}/relay/events/stream`, { 'x-api-key': apiKey });
  await stream.waitForMessage('caught_up');
  await first.keys.revokeKey(id, 'test');
  const isOver = stream.ended.then(() => 'over');
  expect(await Promise.race([isOver, sleep(PROMISED_MS, 'still open', { ref: false })])).toBe('over');
  expect(stream.events.at(-1)?.message).toMatchObject({ type: 'error', message: 'key revoked or expired' });
});

test('a durable stream that is followed ends with its key, and a long poll of it', async () => {
  const { id, apiKey } = await first.createKey();
  const headers = { 'x-api-key': apiKey };
  const followed = await openSse(`${second.url}/relay/streams/calls?offset=now&live=sse`, headers);
  const waiting = fetch(`${second.url}/relay/streams/calls?offset=now&live=long-poll`, { headers });
  const isWaiting = async () => (await second.metric('relay_waiting_requests')) >= 1;
  await waitFor(isWaiting, { what: 'the request to wait' });
  await first.keys.revokeKey(id, 'test');
  const both = Promise.all([waiting, followed.ended]).then(([answer]) => answer.status);
  expect(await Promise.race([both, sleep(PROMISED_MS, 'still open', { ref: false })])).toBe(401);
});

test('a revocation while PostgreSQL was out of reach is found when it is back', async () => {
  const { id, apiKey } = await first.createKey();
  const client = await connect(second, apiKey);
  await proxy.cut();
  await first.keys.revokeKey(id, 'test');
  client.send({ type: 'ping' });
  await client.waitForMessage('pong');
  await proxy.restore();
  expect(await client.closed).toMatchObject({ code: 4009 });
  expect((await ask(second, apiKey)).status).toBe(401);
});

test('a connection that is opened with an answer from before a revocation ends all the same', async () => {
  const [one, other] = await Promise.all([first.createKey(), first.createKey()]);
  const before = await Promise.all([one, other].map(({ id }) => first.keys.validateKeyId(id)));
  const [stale, noticed] = before.map(validation => (validation.ok ? validation.key : null));
  if (!stale || !noticed) throw new Error('the keys must be valid');
  const logger = createLogger({ name: 'test', level: 'silent' });
  const live = createLiveKeys({ onRegister: keyId => watch.check(keyId) }, { maxConnections: 1 });
  const stores = { databaseUrl: first.databaseUrl, sweepMs: 3_600_000 };
  const watch = watchKeys({ keys: first.keys, live, logger }, stores);
  // Once it notices something, its first sweep is over, and the next is an hour away.
  const isNoticed = new Promise<CloseVerdict>(resolve => live.register(noticed, resolve));
  await first.keys.revokeKey(other.id, 'test');
  await isNoticed;
  await withoutTrigger(() => first.keys.revokeKey(one.id, 'test'));
  const isEnded = new Promise<CloseVerdict>(resolve => live.register(stale, resolve));
  expect(await closeOf(isEnded)).toEqual(KEY_ENDED);
  await watch.stop();
  live.stop();
});

test('a change that nobody notified of is found by the sweep', async () => {
  const { databaseUrl, redisUrl, pbxId } = first;
  const stores = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PBX_ID: pbxId };
  const third = await startTestRelay({ ...stores, RELAY_KEY_SWEEP_MS: '100' });
  const { id, apiKey } = await first.createKey();
  const client = await connect(third, apiKey);
  await withoutTrigger(() => first.keys.revokeKey(id, 'test'));
  expect(await closeOf(client.closed)).toMatchObject({ code: 4009 });
  await third.stop();
});
