import { ROUTES } from '@3cx-relay/relay/documents/routes.ts';
import { ADMIN_COOKIE } from '@3cx-relay/shared/wire/admin/session.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { CHANNEL_PERMISSIONS, PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import Router from '@koa/router';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { signInAs } from '../harness/sign-in.ts';

/**
 * Every route of the public API against everybody who must not use it. The rule of a route is the `permission` of its
 * description; those of the admin API are in test/integration/admin/route-rules.ts.
 */
let relay: TestRelay;
/** `METHOD /path/{name}`, as the routers of the relay have them. */
let mounted: string[];
/** One key for each permission, which has no other. */
let keys: Record<Permission, string>;
/** Headers of whoever has no key that is in force. */
let strangers: Record<string, Record<string, string>>;

beforeAll(async () => {
  const routes = vi.spyOn(Router.prototype, 'routes');
  relay = await startTestRelay({
    RELAY_FAILED_KEYS_PER_MINUTE: '1000000',
    RELAY_COMMAND_TIMEOUT_MS: '500',
    RELAY_RECORDS_TIMEOUT_MS: '500',
  });
  const layers = routes.mock.contexts.flatMap(router => (router as unknown as Router).stack);
  routes.mockRestore();
  mounted = layers.flatMap(({ methods, path }) =>
    methods
      .filter(method => method !== 'HEAD' || !methods.includes('GET'))
      .map(method => `${method} ${String(path).replace(/:(\w+)/g, '{$1}')}`),
  );
  const made = await Promise.all(
    PERMISSIONS.map(async name => [name, (await relay.createKey({ permissions: [name] })).apiKey] as const),
  );
  keys = Object.fromEntries(made) as Record<Permission, string>;
  const expiresAt = new Date(Date.now() + 200);
  const [admin, viewer, revoked, expired] = await Promise.all([
    signInAs(relay),
    signInAs(relay, { role: 'viewer' }),
    relay.createKey(),
    relay.createKey({ expiresAt }),
  ]);
  await relay.keys.revokeKey(revoked.id, 'test');
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAt.getTime()), 5_000);
  strangers = {
    nobody: {},
    'a malformed key': { 'x-api-key': '3cxr_00' },
    'a key that nobody made': { 'x-api-key': `3cxr_${'0'.repeat(64)}` },
    'a key with another end': { 'x-api-key': keys.read.replace(/.$/, last => (last === '0' ? '1' : '0')) },
    'a revoked key': { 'x-api-key': revoked.apiKey },
    'an expired key': { authorization: `Bearer ${expired.apiKey}` },
    'a key as Basic': { authorization: `Basic ${Buffer.from(`x:${keys.read}`).toString('base64')}` },
    'a key in a cookie': { cookie: `apiKey=${keys.read}` },
    'the session of an admin': { cookie: `${ADMIN_COOKIE}=${admin.token}`, 'x-csrf-token': admin.csrfToken },
    'the token of an admin': { authorization: `Bearer ${admin.token}` },
    'the session of a viewer': { cookie: `${ADMIN_COOKIE}=${viewer.token}` },
  };
});

afterAll(() => relay?.stop());

const named = ROUTES.map(route => [`${route.method.toUpperCase()} ${route.path}`, route] as const);
const FILLED: Record<string, string> = { channel: 'calls', callId: '0mbvq000-1', participant: '8101' };

async function ask(route: (typeof ROUTES)[number], headers: Record<string, string>) {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name) => FILLED[name] ?? 'x');
  const stop = new AbortController();
  const response = await fetch(`${relay.url}${path}`, {
    method: route.method.toUpperCase(),
    headers: { ...headers, ...(route.body ? { 'content-type': 'application/json' } : {}) },
    body: route.body ? JSON.stringify(route.body.example ?? {}) : null,
    signal: stop.signal,
  });
  const isProblem = response.headers.get('content-type')?.includes('problem+json') ?? false;
  const code = isProblem ? ((await response.json()) as { code: string }).code : null;
  // An event stream has no end.
  stop.abort();
  return { status: response.status, code };
}

test('every route that is mounted under /relay has a rule', () => {
  const own = mounted.filter(route => !/ \/admin\//.test(route));
  expect(own.toSorted()).toEqual(named.map(([name]) => name).toSorted());
});

test('only what tells nothing of the PBX answers anybody', () => {
  const open = named.flatMap(([name, { permission }]) => (permission === null ? [name] : []));
  expect(open.toSorted()).toEqual([
    'GET /relay/asyncapi.json',
    'GET /relay/docs',
    'GET /relay/health',
    'GET /relay/openapi.json',
  ]);
});

describe.each(named.filter(([, { permission }]) => permission !== null))('%s', (_, route) => {
  test('is refused to whoever has no key in force', async () => {
    const answers = await Promise.all(
      Object.entries(strangers).map(async ([who, headers]) => [who, await ask(route, headers)] as const),
    );
    const refused = { status: 401, code: 'unauthenticated' };
    expect(answers).toEqual(Object.keys(strangers).map(who => [who, refused]));
  });

  test('is answered to the permission that its description names, and to no other', async () => {
    for (const permission of PERMISSIONS) {
      const { status, code } = await ask(route, { 'x-api-key': keys[permission] });
      const isRefused = status === 403 && code === 'forbidden';
      expect([permission, status, isRefused]).toEqual([permission, status, permission !== route.permission]);
      expect(status === 401 || (status >= 500 && code === 'internal')).toBe(false);
    }
  });
});

/** The status of the answer to an upgrade, 101 when it was let in. */
function upgrade(headers: Record<string, string>, query = '', protocols: string[] = []): Promise<number> {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws${query}`, protocols, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(101));
    socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
    socket.once('error', reject);
  }).finally(() => socket.terminate()) as Promise<number>;
}

describe('GET /relay/ws', () => {
  test('is refused to whoever has no key in force', async () => {
    for (const [who, headers] of Object.entries(strangers)) expect([who, await upgrade(headers)]).toEqual([who, 401]);
  });

  test('gives each channel to its permissions, and to no other', async () => {
    for (const channel of CHANNELS) {
      for (const permission of PERMISSIONS) {
        const status = await upgrade({ 'x-api-key': keys[permission] }, `?channels=${channel}`);
        const expected = CHANNEL_PERMISSIONS[channel].includes(permission) ? 101 : 403;
        expect([channel, permission, status]).toEqual([channel, permission, expected]);
      }
    }
  });

  test('lets no page of another site in, whatever cookie the browser sends along', async () => {
    const cookie = strangers['the session of an admin']?.cookie ?? '';
    for (const origin of ['https://evil.example', 'null', `${relay.url}.evil.example`]) {
      expect(await upgrade({ cookie, origin })).toBe(401);
    }
  });
});

test('each channel is read over HTTP by each of its permissions alone, and by nobody without one of them', async () => {
  for (const channel of CHANNELS) {
    const enough = CHANNEL_PERMISSIONS[channel];
    const without = await relay.createKey({ permissions: PERMISSIONS.filter(name => !enough.includes(name)) });
    const paths = [
      `/relay/events?channel=${channel}`,
      `/relay/events/stream?channel=${channel}`,
      `/relay/streams/${channel}`,
    ];
    for (const path of paths) {
      expect([path, await statusOf(path, without.apiKey)]).toEqual([path, 403]);
      for (const permission of enough) {
        expect([path, permission, await statusOf(path, keys[permission])]).toEqual([path, permission, 200]);
      }
    }
  }
});

/** Of the answer's head: a stream has no end. */
async function statusOf(path: string, apiKey: string): Promise<number> {
  const { status, body } = await fetch(`${relay.url}${path}`, { headers: { 'x-api-key': apiKey } });
  await body?.cancel();
  return status;
}
