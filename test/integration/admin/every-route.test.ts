import { once } from 'node:events';
import { createAdminTokens } from '@3cx-relay/relay/admin/auth/admin-token.ts';
import { createCsrfTokens } from '@3cx-relay/relay/admin/auth/csrf-tokens.ts';
import { digestOfReadableCode, randomReadableCode } from '@3cx-relay/relay/admin/auth/readable-code.ts';
import { occurrenceEntry } from '@3cx-relay/shared/errors/error-event.ts';
import { ADMIN_COOKIE, CSRF_HEADER } from '@3cx-relay/shared/wire/admin/session.ts';
import Router from '@koa/router';
import { Worker } from 'bullmq';
import { Secret, TOTP } from 'otpauth';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, createUser, type SignedInTester, signInAs, signInUser } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { ROUTES, type RouteRule, SPECIFIED, type Things } from './route-rules.ts';

/** Every route that is mounted, against everybody who must not use it. */
let relay: TestRelay;
let log: LogFiller;
let sql: pg.Client;
/** In the place of ingest. */
let pbx: Worker;
let client: WebSocket;
let admin: SignedInTester;
let viewer: SignedInTester;
let things: Things;
/** `METHOD /path`, as the routers of the relay have them. */
let mounted: string[];

const password = 'correct horse battery';

beforeAll(async () => {
  const routes = vi.spyOn(Router.prototype, 'routes');
  relay = await startTestRelay();
  const layers = routes.mock.contexts.flatMap(router => (router as unknown as Router).stack);
  routes.mockRestore();
  mounted = layers.flatMap(({ methods, path }) =>
    methods.filter(method => method !== 'HEAD').map(method => `${method} ${path}`),
  );
  log = createLogFiller(relay);
  sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  const { hostname: host, port } = new URL(relay.redisUrl);
  pbx = new Worker('pbx', async () => ({ component: 'xapi', ok: true, state: 'up', latencyMs: 1, error: null }), {
    connection: { host, port: Number(port), maxRetriesPerRequest: null },
    prefix: log.keys.jobs,
  });
  [admin, viewer] = await Promise.all([signInAs(relay, { password }), signInAs(relay, { role: 'viewer', password })]);
  things = await makeThings();
});

afterAll(async () => {
  client?.terminate();
  await pbx?.close();
  await sql?.end();
  await log?.stop();
  await relay?.stop();
});

const rules = Object.entries(ROUTES);
const isChange = (route: string) => !route.startsWith('GET ');
/** Those that ask for a session. */
const guarded = rules.filter(([, { who }]) => who !== 'anyone');
const changes = guarded.filter(([route]) => isChange(route));

/** The request of a rule, ready to be sent. */
async function requestOf([route, { params, body }]: [string, RouteRule], to = things) {
  const [method = '', template = ''] = route.split(' ');
  const values = params?.(to) ?? {};
  const path = template.replace(/:(\w+)/g, (_, name) => encodeURIComponent(values[name] ?? '?'));
  return [method, path, await body?.(to)] as const;
}

/** The same of which nothing has to be made: whoever sends it must not get that far. */
const refusedRequestOf = (rule: [string, RouteRule]) =>
  requestOf(rule, { ...things, offeredCode: async () => '123456', recoveryCode: async () => '0000-0000' });

test('every route that is mounted has a rule, and the specification’s are there', () => {
  const own = mounted.filter(route => / \/admin\//.test(route));
  expect(own.toSorted()).toEqual(Object.keys(ROUTES).toSorted());
  expect(own).toEqual(expect.arrayContaining([...Object.keys(SPECIFIED), 'POST /admin/logout']));
});

describe('without a session that is in force', () => {
  /** What is sent in place of a token that is good, in the header and in the cookie. */
  let tokens: Record<string, string>;

  beforeAll(async () => {
    const left = await signInAs(relay);
    expect((await left.browser('POST', '/admin/logout')).status).toBe(204);
    const gone = await signInAs(relay);
    await sql.query('UPDATE admin_users SET active = false WHERE id = $1', [gone.user.id]);
    const isOut = async () => (await gone.browser('GET', '/admin/session')).status === 401;
    await waitFor(isOut, { what: 'the deactivated user to be out' });
    const over = await signInUser(relay, admin.user);
    await sql.query("UPDATE admin_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", [
      over.sessionId,
    ]);
    const session = { id: admin.sessionId, userId: admin.user.id, createdAt: new Date(Date.now() - 60_000) };
    const [soon, past] = [new Date(Date.now() + 60_000), new Date(Date.now() - 1_000)];
    const sign = (secret: string, expiresAt: Date) =>
      createAdminTokens(secret, Date.now).sign({ ...session, expiresAt });
    const [header, payload, signature] = admin.token.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'admin+jwt' })).toString('base64url');
    tokens = {
      nonsense: 'x.y.z',
      unsigned: `${none}.${payload}.`,
      'signed with nothing': `${header}.${payload}.`,
      'of a changed session': `${header}.${payload?.slice(0, -4)}AAAA.${signature}`,
      'of another secret': sign(`${adminSecret}!`, soon),
      expired: sign(adminSecret, past),
      'of a session that is over': over.token,
      left: left.token,
      'of a deactivated user': gone.token,
      'an API key': relay.apiKey,
    };
  });

  test.each(guarded)('%s is refused, whatever is sent in place of a token', async (route, rule) => {
    const request = await refusedRequestOf([route, rule]);
    const credentials: [string, Record<string, string>][] = [
      ['nothing', {}],
      ['an API key', { 'x-api-key': relay.apiKey }],
      ['left, by cookie', { cookie: `${ADMIN_COOKIE}=${tokens.left}`, [CSRF_HEADER]: admin.csrfToken }],
      ...Object.entries(tokens).map(([what, token]): [string, Record<string, string>] => [
        what,
        { authorization: `Bearer ${token}` },
      ]),
    ];
    const answers = await Promise.all(
      credentials.map(async ([what, headers]) => {
        const { status, body } = await askAdmin(relay.url, headers)(...request);
        return [what, status, body.code];
      }),
    );
    expect(answers).toEqual(credentials.map(([what]) => [what, 401, 'unauthenticated']));
  });

  test('no route of the public API is reached by way of the panel', async () => {
    const reading = mounted.filter(route => route.startsWith('GET /relay/'));
    expect(reading.length).toBeGreaterThan(10);
    for (const route of reading) {
      const path = route.slice('GET '.length).replaceAll(/:\w+/g, 'calls');
      const { status } = await askAdmin(relay.url)('GET', `/admin${path}`);
      expect([route, status]).toEqual([route, 401]);
    }
  });
});

describe('nothing is changed', () => {
  /** Signed in with a password that somebody else knows. */
  let newcomer: SignedInTester;
  let before: unknown;
  let audited: number;

  beforeAll(async () => {
    newcomer = await signInAs(relay);
    await sql.query('UPDATE admin_users SET must_change_password = true WHERE id = $1', [newcomer.user.id]);
    before = await everything();
    audited = (await auditedUnlock(0)).length;
  });

  test.each(changes)(
    'by %s without the CSRF token of the same session, or from a page of another site',
    async (route, rule) => {
      const request = await refusedRequestOf([route, rule]);
      const cookie = `${ADMIN_COOKIE}=${admin.token}`;
      for (const csrf of [undefined, '', viewer.csrfToken, createCsrfTokens('another').of(admin.sessionId)]) {
        const headers = { cookie, ...(csrf === undefined ? {} : { [CSRF_HEADER]: csrf }) };
        const { status, body } = await askAdmin(relay.url, headers)(...request);
        expect([csrf, status, body.code]).toEqual([csrf, 403, 'csrf_required']);
      }
      for (const ask of [admin.browser, admin.script]) {
        const { status, body } = await ask(...request, { 'sec-fetch-site': 'cross-site' });
        expect([status, body.code]).toEqual([403, 'cross_site']);
      }
    },
  );

  test.each(rules.filter(([, { who }]) => who === 'admin'))('by %s as a viewer', async (route, rule) => {
    const request = await refusedRequestOf([route, rule]);
    for (const ask of [viewer.browser, viewer.script]) {
      const { status, body } = await ask(...request);
      expect([status, body.code]).toEqual([403, 'forbidden']);
    }
  });

  test.each(guarded.filter(([, { who }]) => who !== 'session'))(
    'by %s before another password was chosen',
    async (route, rule) => {
      const { status, body } = await newcomer.browser(...(await refusedRequestOf([route, rule])));
      expect([status, body.code]).toEqual([403, 'password_change_required']);
    },
  );

  test('as the tables, the jobs, the audit and who is connected show', async () => {
    expect(await everything()).toEqual(before);
    const { clients } = (await admin.browser('GET', '/admin/clients')).body;
    expect(clients).toMatchObject([{ session: things.client }]);
    expect((await auditedUnlock(audited)).slice(audited)).toEqual(['user.unlock']);
  });
});

describe.each(['viewer', 'admin'] as const)('with the role %s', role => {
  let asking: SignedInTester;
  let ownThings: Things;

  beforeAll(async () => {
    asking = await signInAs(relay, { role, password });
    ownThings = {
      ...things,
      ownSession: (await signInUser(relay, asking.user)).sessionId,
      async offeredCode() {
        const { body } = await asking.browser('POST', '/admin/account/totp', { password });
        return new TOTP({ secret: Secret.fromBase32(body.secret) }).generate();
      },
      async recoveryCode() {
        const code = randomReadableCode();
        await sql.query('INSERT INTO admin_recovery_codes (user_id, digest) VALUES ($1, $2)', [
          ...[asking.user.id, digestOfReadableCode(code)],
        ]);
        return code;
      },
    };
  });

  const own = rules.filter(([route, { who }]) =>
    role === 'viewer' ? who !== 'admin' : who === 'admin' || route in SPECIFIED,
  );

  test.each(own)('%s is answered', async (route, rule) => {
    const { status, body } = await asking.browser(...(await requestOf([route, rule], ownThings)));
    expect([status, body]).toEqual([rule.status, rule.status === 204 ? null : expect.anything()]);
  });
});

async function makeThings(): Promise<Things> {
  const [bystander, used, rotated, revoked] = await Promise.all([
    createUser(relay.databaseUrl, { username: 'bystander', role: 'viewer' }),
    relay.createKey(),
    relay.createKey(),
    relay.createKey(),
  ]);
  const occurrences = ['one', 'other'].map(message =>
    occurrenceEntry(Date.now(), {
      ...{ component: 'test', severity: 'error', service: 'test', suppressed: 0, details: {} },
      ...{ message, fingerprint: message },
    }),
  );
  await log.append(occurrences, 'errors');
  const errors = await waitFor(
    async () => {
      const listed = (await admin.browser('GET', '/admin/errors?component=test')).body.errors;
      return listed.length === 2 && listed;
    },
    { what: 'the errors' },
  );
  const { body: wallboard } = await admin.browser('POST', '/admin/wallboards', { name: 'Hall', expiresInDays: 1 });
  client = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, { headers: { 'x-api-key': used.apiKey } });
  await once(client, 'open');
  const { clients } = (await admin.browser('GET', '/admin/clients')).body;
  return {
    ...{ password, bystander, wallboard, client: clients[0].session },
    keys: { used: used.id, rotated: rotated.id, revoked: revoked.id },
    errors: { one: errors[0].id, other: errors[1].id },
    ownSession: admin.sessionId,
    offeredCode: () => Promise.reject(new Error('nobody asks')),
    recoveryCode: () => Promise.reject(new Error('nobody asks')),
  };
}

/** All rows and how many jobs there ever were; not when somebody was last seen, which every request may move. */
async function everything() {
  const { rows: tables } = await sql.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
     WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY name`,
  );
  const contents: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await sql.query(
      `SELECT md5(string_agg(line, E'\\n' ORDER BY line)) AS digest
       FROM (SELECT (to_jsonb(each) - 'last_seen_at' - 'last_used_at')::text AS line FROM ${name} AS each) AS lines`,
    );
    contents[name] = rows[0].digest;
  }
  const jobs = await Promise.all(['pbx', 'upkeep'].map(queue => log.redis.get(`${log.keys.jobs}:${queue}:id`)));
  return { contents, jobs };
}

/** The audit is written in order: what was done before this stands before it. Returns the actions of all entries. */
async function auditedUnlock(after: number): Promise<string[]> {
  await admin.browser('POST', `/admin/users/${things.bystander}/unlock`);
  return waitFor(
    async () => {
      const entries = await log.redis.xrange(log.keys.log('audit'), '-', '+');
      const actions = entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('b') + 1] ?? '{}').data.action);
      return actions.includes('user.unlock', after) && actions;
    },
    { what: 'the entry of the audit' },
  );
}
