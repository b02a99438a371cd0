import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAccess } from '@3cx-relay/relay/keys/access.ts';
import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { STREAM_PATH } from '@3cx-relay/relay/keys/authenticate-stream.ts';
import { ProblemError } from '@3cx-relay/relay/public/problem-error.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import Koa from 'koa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cheapHash } from '../harness/cheap-hash.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createTestRedis } from '../harness/redis.ts';
import { adminSecret } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

const PASS_MS = 1_000;
const MAX_PASSES = 3;
const logger = createLogger({ name: 'test', level: 'silent' });

let database: TestDatabase;
let stores: { pool: ReturnType<typeof createPool>; redis: ReturnType<typeof connectRedis> };
let passKeys: string;
let manager: APIKeyManager;
let access: ReturnType<typeof createAccess>;
let server: Server;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const { url: redisUrl, pbxId } = await createTestRedis();
  const pool = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
  const redis = connectRedis(redisUrl, { name: 'test', logger });
  stores = { pool, redis };
  const keys = createLogKeys(pbxId);
  passKeys = keys.streamPass('*');
  manager = new APIKeyManager({ pool: pool.pool, adminSecret, passwordHash: cheapHash, logger });
  access = createAccess(
    {
      ...{ redis: redis.redis, keys, apiKeys: manager, errors: { logError: () => undefined }, logger },
      validateHolder: id => manager.validateKeyId(Number(id)),
    },
    {
      ticketTtlMs: 30_000,
      streamPassTtlMs: PASS_MS,
      maxStreamPasses: MAX_PASSES,
      failedKeys: { perMinute: 1_000, blockMs: 1_000 },
      allowedOrigins: ['https://crm.example.com'],
    },
  );
  // A stream that greets with the name of the client, and stays open.
  const app = new Koa();
  app.use(async context => {
    const authenticated = await access.stream.authenticate(context);
    if ('problem' in authenticated) {
      context.status = authenticated.problem.status;
      return;
    }
    try {
      await access.stream.letComeBack(context);
    } catch (error) {
      context.status = error instanceof ProblemError ? error.problem.status : 500;
      return;
    }
    context.respond = false;
    context.res.writeHead(200, { 'content-type': 'text/event-stream' });
    context.res.write(`data: ${authenticated.key.clientName}\n\n`);
  });
  server = createServer(app.callback());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${STREAM_PATH}`;
});

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await manager?.stop();
  await Promise.all([stores?.pool.stop(), stores?.redis.stop()]);
  await database?.drop();
});

async function createKey(): Promise<{ id: number; apiKey: string; ticket: string }> {
  const { id, apiKey } = await manager.generateKey('wallboard', ['read'], 'test');
  return { id, apiKey, ticket: (await access.tickets.issue(id)).ticket };
}

type Opened = { status: number; cookie: string | null; attributes: string; cut(): void };

/** Opens the stream, as an EventSource would: with the URL and what the browser's cookies hold. */
async function open(query: string, headers: Record<string, string> = {}): Promise<Opened> {
  const aborter = new AbortController();
  const response = await fetch(`${url}${query}`, { headers, signal: aborter.signal });
  if (response.status === 200) expect((await response.body?.getReader().read())?.value).toBeDefined();
  const [cookie = null, ...attributes] = response.headers.get('set-cookie')?.split('; ') ?? [];
  return { status: response.status, cookie, attributes: attributes.sort().join('; '), cut: () => aborter.abort() };
}

it('a key in the headers opens the stream, and no cookie is set', async () => {
  const { apiKey } = await createKey();
  expect(await open('', { 'x-api-key': apiKey })).toMatchObject({ status: 200, cookie: null });
  expect((await open('')).status).toBe(401);
});

it('a ticket opens it once; the cookie of that answer lets the same URL in again, and nothing else does', async () => {
  const { ticket } = await createKey();
  const first = await open(`?ticket=${ticket}`);
  expect(first).toMatchObject({ status: 200, attributes: 'HttpOnly; Path=/relay/events/stream; SameSite=Strict' });
  first.cut();
  expect((await open(`?ticket=${ticket}`)).status).toBe(401);
  const again = await open(`?ticket=${ticket}`, { cookie: String(first.cookie) });
  expect(again.status).toBe(200);
  again.cut();
  const forged = `relay_stream=${'A'.repeat(43)}`;
  expect((await open(`?ticket=${ticket}`, { cookie: forged })).status).toBe(401);
});

it('the cookie is for TLS alone when the proxy says that the client spoke it', async () => {
  const { ticket } = await createKey();
  const { attributes, cut } = await open(`?ticket=${ticket}`, { 'x-forwarded-proto': 'https' });
  expect(attributes).toContain('Secure');
  cut();
});

it('the pass of an open stream outlives its time, and ends that long after the stream', async () => {
  const { ticket } = await createKey();
  const stream = await open(`?ticket=${ticket}`);
  const until = Date.now() + 2.5 * PASS_MS;
  await waitFor(() => Date.now() > until, { what: 'the pass to have ended, were it not kept' });
  const again = await open(`?ticket=${ticket}`, { cookie: String(stream.cookie) });
  expect(again.status).toBe(200);
  stream.cut();
  again.cut();
  await waitFor(async () => (await stores.redis.redis.keys(passKeys)).length === 0, { what: 'the passes to end' });
  expect((await open(`?ticket=${ticket}`, { cookie: String(stream.cookie) })).status).toBe(401);
});

it('somebody is let back by so many passes at a time', async () => {
  const { id } = await createKey();
  const ticket = async () => `?ticket=${(await access.tickets.issue(id)).ticket}`;
  const statuses: number[] = [];
  for (let n = 0; n < MAX_PASSES + 1; n += 1) {
    const stream = await open(await ticket());
    statuses.push(stream.status);
    stream.cut();
  }
  expect(statuses).toEqual([200, 200, 200, 429]);
  const isServed = async () => {
    const stream = await open(await ticket());
    stream.cut();
    return stream.status === 200;
  };
  await waitFor(isServed, { what: 'the first passes to have expired' });
});

it('a pass dies with its key', async () => {
  const { id, ticket } = await createKey();
  const { cookie, cut } = await open(`?ticket=${ticket}`);
  cut();
  await manager.revokeKey(id, 'test');
  expect((await open('', { cookie: String(cookie) })).status).toBe(401);
});

it('a page of a strange origin gets in with neither, and the ticket is not used up by it', async () => {
  const { ticket } = await createKey();
  expect((await open(`?ticket=${ticket}`, { origin: 'https://evil.example' })).status).toBe(403);
  const { status, cookie, cut } = await open(`?ticket=${ticket}`, { origin: 'https://crm.example.com' });
  expect(status).toBe(200);
  cut();
  expect((await open('', { cookie: String(cookie), origin: 'https://evil.example' })).status).toBe(403);
});

it('passes stand in Redis as digests only', async () => {
  const { ticket } = await createKey();
  const { cookie, cut } = await open(`?ticket=${ticket}`);
  const keys = await stores.redis.redis.keys(passKeys);
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.join()).not.toContain(String(cookie).slice('relay_stream='.length));
  cut();
});
