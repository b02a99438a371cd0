import {
  CONNECTIONS,
  type Connection,
  connectionHistory,
  connectionsAnswer,
  reconnectAnswer,
} from '@3cx-relay/shared/wire/admin/connections.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from '../fixtures/ingest-stand.ts';
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts';

/** What an operator sees of the connections and does about them, with a real ingest and a simulated PBX. */
let stand: IngestStand;
let postgres: TcpProxy;
let relay: TestRelay;
let database: pg.Client;
let admin: SignedInTester;
let viewer: SignedInTester;

beforeAll(async () => {
  stand = await createIngestStand();
  relay = await startTestRelay({ PBX_ID: stand.keys.pbxId, ADMIN_RECONNECT_TIMEOUT_MS: '15000' });
  postgres = await startTcpProxy(relay.databaseUrl);
  database = new pg.Client({ connectionString: relay.databaseUrl });
  await database.connect();
  [admin, viewer] = await Promise.all([signInAs(relay), signInAs(relay, { role: 'viewer' })]);
}, 60_000);

afterAll(async () => {
  await database?.end();
  await postgres?.stop();
  await stand?.stop();
  await relay?.stop();
});

const reconnect = (component: string, by = admin) =>
  by.browser('POST', `/admin/connections/${component}/reconnect`, {});

async function auditOf(action: string) {
  return (await stand.entries('audit'))
    .filter(({ event }) => event === action)
    .map(({ body }) => JSON.parse(body).data);
}

test('without an ingest a reconnect says that nothing was done, and the audit knows who wanted it', async () => {
  const answer = await reconnect('xapi');
  expect([answer.status, answer.body.code]).toEqual([503, 'pbx_unavailable']);
  const [entry] = await waitFor(
    async () => {
      const entries = await auditOf('connection.reconnect');
      return entries.length > 0 && entries;
    },
    { what: 'the audit entry' },
  );
  const actor = { kind: 'admin', id: String(admin.user.id), name: admin.user.username };
  expect(entry).toMatchObject({ actor, target: 'xapi', outcome: 'not_executed' });
});

test('without an ingest its connections are unknown, and the stores are told all the same', async () => {
  const { status, body } = await viewer.browser('GET', '/admin/connections');
  expect(status).toBe(200);
  const states = connectionsAnswer.parse(body).components.map(({ component, state }) => [component, state]);
  expect(Object.fromEntries(states)).toEqual({
    ...{ database: 'unknown', xapi: 'unknown', websocket: 'unknown', ingest: 'down', pbx: 'down' },
    // No worker runs here either.
    ...{ redis: 'up', postgres: 'up', log: 'up', persist: 'down' },
    event_loop: 'unknown',
  });
  const dated = connectionsAnswer.parse(body).components.filter(({ state }) => state !== 'unknown');
  for (const each of dated)
    expect(each).toMatchObject({ since: expect.any(String), checkedAt: expect.any(String), isReconnectable: false });
});

test('a reconnect is done by ingest, which answers what it came to and audits who asked', {
  timeout: 60_000,
}, async () => {
  await stand.start({ DATABASE_URL: postgres.url });
  const done = await waitFor(
    async () => {
      const answer = await reconnect('xapi');
      return answer.status === 200 && answer.body.outcome === 'done' && answer.body;
    },
    { what: 'a reconnect', timeoutMs: 20_000 },
  );
  expect(reconnectAnswer.parse(done)).toMatchObject({
    ...{ component: 'xapi', state: 'up', error: null, latencyMs: expect.any(Number), tookMs: expect.any(Number) },
  });
  // This PBX has no database for it to find.
  const { services, pbx } = (await viewer.browser('GET', '/admin/about')).body;
  const ingest = services.find(({ service }: { service: string }) => service === 'ingest');
  expect([ingest.pid, pbx.database]).toEqual([expect.any(Number), null]);
  const by = { actor: { name: admin.user.username }, target: 'xapi' };
  await waitFor(async () => (await auditOf('connection.reconnect')).some(({ outcome }) => outcome === 'done'), {
    what: 'the reconnect in the audit',
  });
  const entries = await auditOf('connection.reconnect');
  expect(entries.find(({ outcome }) => outcome === 'done')).toMatchObject(by);

  await stand.sim.post('/sim/faults', { kind: 'http-error', status: 500, path: '/xapi', ms: 600_000 });
  const failed = await reconnect('xapi');
  expect(failed.status).toBe(200);
  expect(failed.body).toMatchObject({ outcome: 'failed', state: 'down', error: expect.stringMatching(/500/) });

  // Ingest says every few seconds how its connections are.
  const seen = await waitFor(
    async () => {
      const { components } = connectionsAnswer.parse((await viewer.browser('GET', '/admin/connections')).body);
      const xapi = components.find(({ component }) => component === 'xapi');
      return xapi?.state === 'down' && xapi;
    },
    { what: 'XAPI to be down' },
  );
  expect(seen).toMatchObject({ isReconnectable: true, checkedAt: expect.any(String), since: expect.any(String) });
  expect(seen.error).toMatch(/500/);
  await stand.sim.request('DELETE', '/sim/faults');
});

test('every component says since when it is so and when that was looked at, and three can be reconnected', {
  timeout: 60_000,
}, async () => {
  const look = async () => connectionsAnswer.parse((await viewer.browser('GET', '/admin/connections')).body).components;
  const isDated = ({ since, checkedAt }: Connection) => since !== null && checkedAt !== null && since <= checkedAt;
  const first = await waitFor(async () => (await look()).every(isDated) && look(), {
    what: 'every component to be dated',
    timeoutMs: 40_000,
  });
  expect(first.map(({ component }) => component)).toEqual([...CONNECTIONS]);
  expect(first.filter(({ isReconnectable }) => isReconnectable).map(({ component }) => component)).toEqual([
    ...['database', 'xapi', 'websocket'],
  ]);
  expect(first.find(({ component }) => component === 'event_loop')).toMatchObject({ latencyMs: expect.any(Number) });
  const redisOf = (components: readonly Connection[]) => components.find(({ component }) => component === 'redis');
  const later = await waitFor(
    async () => {
      const redis = redisOf(await look());
      return redis?.checkedAt !== redisOf(first)?.checkedAt && redis;
    },
    { what: 'another look at Redis' },
  );
  expect([later.state, later.since]).toEqual(['up', redisOf(first)?.since]);
});

test('only admins reconnect, and only what can be', async () => {
  expect((await reconnect('xapi', viewer)).body.code).toBe('forbidden');
  expect((await admin.browser('POST', '/admin/connections/xapi/reconnect', {}, { 'x-csrf-token': '' })).status).toBe(
    403,
  );
  const unknown = await reconnect('redis');
  expect([unknown.status, unknown.body.detail]).toEqual([404, expect.stringContaining('database, xapi, websocket')]);
});

test('the last day and the last hour of what is sampled come with history=1', async () => {
  await database.query(
    `INSERT INTO connection_status_history (component, state, latency, timestamp)
     SELECT 'redis', CASE WHEN n BETWEEN 300 AND 329 THEN 'down' ELSE 'up' END, 3, now() - n * interval '1 minute'
     FROM generate_series(0, 1500) n`,
  );
  const { body } = await viewer.browser('GET', '/admin/connections?history=1');
  const { components, missing } = connectionsAnswer.parse(body);
  expect(missing).toEqual([]);
  const redis = components.find(({ component }) => component === 'redis');
  expect(redis?.day).toHaveLength(96);
  const sum = (state: 'up' | 'down' | 'unknown') => redis?.day?.reduce((all, cell) => all + cell[state], 0);
  expect(sum('down')).toBeCloseTo(1_800, 0);
  expect(sum('unknown')).toBeLessThan(1);
  expect(redis?.latency?.filter(({ ms }) => ms === 3).length).toBeGreaterThanOrEqual(59);
  expect(components.find(({ component }) => component === 'log')).not.toHaveProperty('day');
  const eventLoop = components.find(({ component }) => component === 'event_loop');
  expect([eventLoop?.day?.length, eventLoop?.latency?.length]).toEqual([96, 60]);
});

test('what is large comes compressed to who takes that', async () => {
  const ask = async (encoding: string) => {
    const answer = await viewer.browser('GET', '/admin/connections?history=1', undefined, {
      'accept-encoding': encoding,
    });
    return [answer.headers.get('content-encoding'), answer.headers.get('vary'), answer.body.components.length];
  };
  expect(await ask('gzip')).toEqual(['gzip', expect.stringMatching(/accept-encoding/i), CONNECTIONS.length]);
  expect(await ask('identity')).toEqual([null, expect.stringMatching(/accept-encoding/i), CONNECTIONS.length]);
});

test('the past of a connection is its changes page by page, and its incidents with their causes', async () => {
  await database.query(
    `INSERT INTO connection_status_history (component, state, error_message, timestamp)
     SELECT 'database', state, error, now() - ago * interval '1 minute' FROM (VALUES
       (60, 'up', NULL), (59, 'up', NULL), (50, 'down', 'refused'), (49, 'down', 'refused'), (40, 'down', 'no route'),
       (30, 'up', NULL), (20, 'degraded', 'slow to answer')) AS sample (ago, state, error)
     ORDER BY ago DESC`,
  );
  const path = '/admin/connections/database/history';
  // What ingest itself has sampled meanwhile is newer.
  const to = new Date(Date.now() - 10 * 60_000).toISOString();
  const { body } = await viewer.browser('GET', `${path}?limit=3&to=${to}`);
  const first = connectionHistory.parse(body);
  expect(first.changes.map(({ state, error }) => [state, error])).toEqual([
    ['degraded', 'slow to answer'],
    ['up', null],
    ['down', 'no route'],
  ]);
  expect(first.incidents).toMatchObject([
    { to: null, state: 'degraded' },
    { state: 'down', error: 'refused', durationMs: 1_200_000, causes: [{ error: 'refused' }, { error: 'no route' }] },
  ]);
  const second = connectionHistory.parse((await viewer.browser('GET', `${path}?to=${to}&before=${first.next}`)).body);
  expect(second.changes.map(({ state }) => state)).toEqual(['down', 'up']);
  expect(second.next).toBeNull();
});

test('a time that is too long, or the wrong way round, is refused by name', async () => {
  const ask = (query: string) => viewer.browser('GET', `/admin/connections/xapi/history?${query}`);
  expect((await ask('from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z')).body).toMatchObject({
    ...{ status: 400, field: 'from', detail: expect.stringContaining('31 days') },
  });
  expect((await ask('from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z')).body.field).toBe('from');
  expect((await ask('limit=0')).body.field).toBe('limit');
  expect((await viewer.browser('GET', '/admin/connections/nothing/history')).status).toBe(404);
});
