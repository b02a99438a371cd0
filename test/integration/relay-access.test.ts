import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { cheapHash } from '../harness/cheap-hash.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { openSse } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Every key that is wrong beyond this many a minute and address is answered with 429. */
const FAILURES = 5;
const ALLOWED = 'https://crm.example.com';

let relay: TestRelay;
/** A second instance over the same stores, whose tickets live for a moment only. */
let other: TestRelay;
let redis: Redis;

beforeAll(async () => {
  const settings = { RELAY_ALLOWED_ORIGINS: ALLOWED, RELAY_FAILED_KEYS_PER_MINUTE: String(FAILURES) };
  relay = await startTestRelay(settings);
  const { redisUrl, pbxId, databaseUrl } = relay;
  const stores = { REDIS_URL: redisUrl, PBX_ID: pbxId, DATABASE_URL: databaseUrl };
  other = await startTestRelay({ ...settings, ...stores, RELAY_TICKET_TTL_MS: '100' });
  redis = new Redis(redisUrl);
});

afterAll(async () => {
  await redis?.quit();
  await other?.stop();
  await relay?.stop();
});

let lastAddress = 0;
/** An address nobody has failed from, as the proxy of this host tells it. */
function freshAddress(): string {
  lastAddress += 1;
  return `192.0.2.${lastAddress}`;
}

function wrongKey(): string {
  return `3cxr_${'0'.repeat(64)}`;
}

type Ticket = { ticket: string; expiresAt: string; expiresInMs: number };

async function getTicket(key = relay.apiKey, at = relay): Promise<Ticket> {
  const response = await fetch(`${at.url}/relay/tickets`, { method: 'POST', headers: { 'x-api-key': key } });
  expect(response.status).toBe(201);
  return (await response.json()) as Ticket;
}

type Visit = { protocol: string; messages: { type: string; [field: string]: unknown }[]; code: number; reason: string };

type VisitOptions = { at?: TestRelay; query?: string; headers?: Record<string, string> };

/** Connects as a browser can: with subprotocols only. Leaves after the greeting, if there is one. */
async function visit(protocols: string[], options: VisitOptions = {}): Promise<Visit> {
  const { at = relay, query = '', headers = { 'x-real-ip': freshAddress() } } = options;
  const url = `${at.url.replace('http', 'ws')}/relay/ws${query}`;
  const socket = new WebSocket(url, protocols, { headers });
  const messages: Visit['messages'] = [];
  socket.on('message', data => {
    messages.push(JSON.parse(String(data)));
    if (messages.at(-1)?.type === 'hello') socket.close();
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', (code, reason) => {
      resolve({ protocol: socket.protocol, messages, code, reason: String(reason) });
    });
  });
}

/** The answer to an upgrade that was refused. */
function refusedUpgrade(headers: Record<string, string>): Promise<{ status: number; retryAfter: string | undefined }> {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('the upgrade was not refused')));
    socket.on('error', () => undefined);
    socket.once('unexpected-response', (_, response) => {
      resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] });
      response.destroy();
    });
  });
}

async function withManager<Result>(work: (manager: APIKeyManager) => Promise<Result>): Promise<Result> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const { pool, stop } = createPool({ databaseUrl: relay.databaseUrl, name: 'test', max: 1, logger });
  const manager = new APIKeyManager({ pool, adminSecret, passwordHash: cheapHash, logger });
  try {
    return await work(manager);
  } finally {
    await manager.stop();
    await stop();
  }
}

describe('a ticket', () => {
  it('is given to a key that may read, is not cached, and says when it ends', async () => {
    const post = (key: string, query = '', body: string | null = null) =>
      fetch(`${relay.url}/relay/tickets${query}`, { method: 'POST', headers: { 'x-api-key': key }, body });
    const response = await post(relay.apiKey);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { ticket, expiresAt, expiresInMs } = (await response.json()) as Ticket;
    expect(ticket).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(expiresInMs).toBe(30_000);
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 30_000)).toBeLessThan(5_000);
    expect((await post(relay.powerlessKey)).status).toBe(403);
    expect(await (await post(relay.apiKey, '?for=me')).json()).toMatchObject({ status: 400, field: 'for' });
    expect(await (await post(relay.apiKey, '', '{"for":"me"}')).json()).toMatchObject({ status: 400, field: 'for' });
    expect((await post(relay.apiKey, '', 'x'.repeat(70_000))).status).toBe(413);
  });

  it('lets in exactly one of all who come with it, over two instances', async () => {
    const { ticket } = await getTicket();
    const visits = Array.from({ length: 10 }, (_, i) =>
      visit(['relay.v1', `ticket.${ticket}`], { at: i % 2 === 0 ? relay : other }),
    );
    const ends = await Promise.all(visits);
    expect(ends.filter(({ messages }) => messages[0]?.type === 'hello')).toHaveLength(1);
    expect(ends.filter(({ code }) => code === 4001)).toHaveLength(9);
    expect(ends.every(({ protocol }) => protocol === 'relay.v1')).toBe(true);
  });

  it('is echoed to a browser that offers nothing else', async () => {
    const { ticket } = await getTicket();
    const { protocol, messages } = await visit([`ticket.${ticket}`]);
    expect(protocol).toBe(`ticket.${ticket}`);
    expect(messages[0]?.type).toBe('hello');
  });

  it('ends after its time', async () => {
    const count = async () => (await redis.keys(`relay:{${relay.pbxId}}:ticket:*`)).length;
    const before = await count();
    const { ticket } = await getTicket(relay.apiKey, other);
    await waitFor(async () => (await count()) <= before, { what: 'the ticket to end' });
    expect((await visit([`ticket.${ticket}`])).code).toBe(4001);
  });

  it('dies with its key, and does what the key may do by then', async () => {
    await withManager(async manager => {
      const { id, apiKey } = await manager.generateKey('short-lived', ['read'], 'test');
      const { ticket } = await getTicket(apiKey);
      await manager.revokeKey(id, 'test');
      expect((await visit([`ticket.${ticket}`])).code).toBe(4001);
    });
  });

  it('stands in Redis as a digest only', async () => {
    const { ticket } = await getTicket();
    const keys = await redis.keys(`relay:{${relay.pbxId}}:ticket:*`);
    const values = await Promise.all(keys.map(key => redis.get(key)));
    expect(keys.length).toBeGreaterThan(0);
    expect(JSON.stringify([keys, values])).not.toContain(ticket);
  });
});

describe('a browser, which sees no HTTP status of an upgrade', () => {
  it('is told by error message and close code what was wrong with its ticket', async () => {
    const unknown = await visit(['relay.v1', `ticket.${'A'.repeat(43)}`]);
    expect(unknown).toMatchObject({ code: 4001, reason: 'unauthenticated' });
    expect(unknown.messages).toEqual([{ type: 'error', code: 'unauthenticated', message: expect.any(String) }]);
    expect((await visit(['ticket.nonsense'])).code).toBe(4001);
  });

  it('is told that the key behind its ticket lacks a permission, and that its query is wrong', async () => {
    const { apiKey } = await withManager(manager => manager.generateKey('reader', ['read'], 'test'));
    const ticket = async () => `ticket.${(await getTicket(apiKey)).ticket}`;
    const forbidden = await visit([await ticket()], { query: '?channels=audit' });
    expect(forbidden.code).toBe(4003);
    expect(forbidden.messages[0]).toMatchObject({ code: 'forbidden', message: expect.stringContaining('"monitor"') });
    const wrong = await visit([await ticket()], { query: '?channels=faxes' });
    expect(wrong.code).toBe(4011);
    expect(wrong.messages[0]).toMatchObject({ type: 'error', field: 'channels' });
  });

  it('is refused on a page of a strange origin, without using up the ticket', async () => {
    const { ticket } = await getTicket();
    const from = (origin: string) => visit([`ticket.${ticket}`], { headers: { origin } });
    expect((await from('https://evil.example')).code).toBe(4003);
    expect((await from('null')).code).toBe(4003);
    expect((await from(ALLOWED)).messages[0]?.type).toBe('hello');
    const second = await getTicket();
    const own = await visit([`ticket.${second.ticket}`], { headers: { origin: relay.url } });
    expect(own.messages[0]?.type).toBe('hello');
  });

  it('is told that there are too many connections', async () => {
    const { redisUrl, pbxId, databaseUrl } = relay;
    const full = await startTestRelay({
      REDIS_URL: redisUrl,
      PBX_ID: pbxId,
      DATABASE_URL: databaseUrl,
      RELAY_MAX_CONNECTIONS: '1',
    });
    try {
      const headers = { 'x-api-key': relay.apiKey };
      const first = new WebSocket(`${full.url.replace('http', 'ws')}/relay/ws`, { headers });
      await new Promise(resolve => first.once('message', resolve));
      const { ticket } = await getTicket();
      const refused = await visit([`ticket.${ticket}`], { at: full });
      expect(refused).toMatchObject({ code: 4010, messages: [{ code: 'too_many_connections' }] });
      first.terminate();
    } finally {
      await full.stop();
    }
  });

  it('stays refused by status when it sends a key, and wherever no WebSockets are', async () => {
    const protocols = [`ticket.${(await getTicket()).ticket}`];
    await expect(visit(protocols, { headers: { 'x-api-key': wrongKey() } })).rejects.toThrow('401');
    await expect(visit(protocols, { query: '/elsewhere' })).rejects.toThrow('404');
  });
});

describe('the event stream', () => {
  it('opens by a ticket, and by the cookie of that answer when an EventSource comes back with the same URL', async () => {
    const { ticket } = await getTicket();
    const url = `${relay.url}/relay/events/stream?channel=health&ticket=${ticket}`;
    const first = await fetch(url);
    expect(first.headers.get('content-type')).toContain('text/event-stream');
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
    await first.body?.cancel();
    expect((await fetch(url)).status).toBe(401);
    const again = await openSse(url, { cookie, 'last-event-id': 'start' });
    await again.waitForMessage('caught_up');
    again.close();
  });

  it('is the only route that takes them', async () => {
    const { ticket } = await getTicket();
    expect((await fetch(`${relay.url}/relay/events?ticket=${ticket}`)).status).toBe(401);
    const stream = await fetch(`${relay.url}/relay/events/stream?ticket=${ticket}`);
    expect(stream.status).toBe(200);
    const cookie = stream.headers.get('set-cookie')?.split(';')[0] ?? '';
    await stream.body?.cancel();
    expect((await fetch(`${relay.url}/relay/events`, { headers: { cookie } })).status).toBe(401);
  });
});

describe('keys that are not valid', () => {
  const get = (address: string, key: string) =>
    fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': key, 'x-real-ip': address } });

  it('are answered with 429 after some from one address, on every way in, while a valid key or ticket still works', async () => {
    const address = freshAddress();
    for (let i = 0; i < FAILURES; i += 1) expect((await get(address, wrongKey())).status).toBe(401);
    const blocked = await get(address, wrongKey());
    expect(blocked.status).toBe(429);
    expect(await blocked.json()).toMatchObject({ code: 'too_many_failures' });
    const waitSeconds = Number(blocked.headers.get('retry-after'));
    expect(waitSeconds).toBeGreaterThan(50);
    expect(waitSeconds).toBeLessThanOrEqual(60);

    const headers = { 'x-real-ip': address };
    const upgrade = await refusedUpgrade({ ...headers, 'x-api-key': wrongKey() });
    expect(upgrade).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
    expect((await visit([`ticket.${'A'.repeat(43)}`], { headers })).code).toBe(4010);
    const elsewhere = await fetch(`${other.url}/relay/active-calls`, {
      headers: { ...headers, 'x-api-key': wrongKey() },
    });
    expect(elsewhere.status).toBe(429);

    expect((await get(address, relay.apiKey)).status).toBe(200);
    const { ticket } = await getTicket();
    expect((await visit([`ticket.${ticket}`], { headers })).messages[0]?.type).toBe('hello');
    expect((await get(freshAddress(), wrongKey())).status).toBe(401);
  });

  it('are counted only when there was a key', async () => {
    const address = freshAddress();
    for (let i = 0; i <= FAILURES; i += 1) {
      const response = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-real-ip': address } });
      expect(response.status).toBe(401);
    }
    expect((await get(address, wrongKey())).status).toBe(401);
  });
});

describe('a page of another site', () => {
  const ask = (method: string, origin: string, headers: Record<string, string> = {}) =>
    fetch(`${relay.url}/relay/events`, { method, headers: { origin, ...headers } });

  it('of an allowed origin gets its preflight answered without a key, for some time', async () => {
    const response = await ask('OPTIONS', ALLOWED, {
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,last-event-id',
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(ALLOWED);
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase().split(',');
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'x-api-key', 'last-event-id', 'idempotency-key']));
    expect(Number(response.headers.get('access-control-max-age'))).toBeGreaterThan(0);
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(response.headers.get('vary')).toMatch(/origin/i);
  });

  it('of an allowed origin may read answers, refusals too', async () => {
    const response = await ask('GET', ALLOWED, { 'x-api-key': relay.apiKey });
    expect(response.headers.get('access-control-allow-origin')).toBe(ALLOWED);
    expect(response.headers.get('access-control-expose-headers')).toContain('Stream-Next-Offset');
    const refused = await ask('GET', ALLOWED);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe(ALLOWED);
  });

  it('of another origin is allowed nothing, and caches are told that it depends on the origin', async () => {
    const preflight = await ask('OPTIONS', 'https://evil.example', { 'access-control-request-method': 'GET' });
    const answer = await ask('GET', 'https://evil.example', { 'x-api-key': relay.apiKey });
    for (const { headers } of [preflight, answer]) {
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('vary')).toMatch(/origin/i);
    }
    const panel = await fetch(`${relay.url}/admin/`, { headers: { origin: ALLOWED } });
    expect(panel.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('learns the methods of a route by OPTIONS, and HEAD answers as GET without a body', async () => {
    const options = await fetch(`${relay.url}/relay/tickets`, { method: 'OPTIONS' });
    expect(options.headers.get('allow')).toBe('POST');
    const head = await ask('HEAD', ALLOWED, { 'x-api-key': relay.apiKey });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });
});
