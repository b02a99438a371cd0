import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../../test/harness/infra-access.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../../test/simulator/simulator.ts';
import { createSimulatorClient } from '../../../test/simulator/simulator-client.ts';
import { CallControlWebSocket, type SocketNews } from './callcontrol/callcontrol-websocket.ts';
import { createReconnectPlan } from './callcontrol/reconnect-plan.ts';
import type { CdrSource } from './cdr.ts';
import { createCdrSource } from './cdr-source.ts';
import { Database3CX } from './database/database-3cx.ts';
import { createOAuthToken } from './oauth-token.ts';
import { createPbxHttp } from './pbx-http.ts';
import { XAPIClient, type XAPIClientOptions } from './xapi/xapi-client.ts';

/** The clients of the PBX against the simulated one: what a client can observe of a 3CX V20, in the mode that shows it. */
const credentials = { clientId: 'relay', clientSecret: 'simulated secret' };

let simulator: Simulator;
let sim: ReturnType<typeof createSimulatorClient>;
let xapi: XAPIClient;
let root: string;
let stops: (() => unknown)[];

async function begin(options: Partial<SimulatorOptions> = {}): Promise<void> {
  simulator = await createSimulator({
    ...credentials,
    timeScale: 0.05,
    lateness: { minMs: 0, maxMs: 0, updatedShare: 0 },
    ...options,
  });
  sim = createSimulatorClient(simulator.url, credentials);
  // It is made in the background; a login that is refused before is not tried again for a while.
  const state = async () => ((await sim.get('/sim/database')).body as { state: string }).state;
  await waitFor(async () => (await state()) === (options.database ? 'ready' : 'none'), { what: 'its database' });
  xapi = openXapi();
}
function openXapi(options: XAPIClientOptions & { clientId?: string } = {}): XAPIClient {
  const { clientId = credentials.clientId, ...rest } = options;
  const client = new XAPIClient(simulator.url, clientId, credentials.clientSecret, rest);
  stops.push(() => client.stop());
  return client;
}

beforeEach(async () => {
  stops = [];
  root = await mkdtemp(join(tmpdir(), 'pbx-clients-'));
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  await simulator.stop();
  await rm(root, { recursive: true, force: true });
});

const play = async (body: object) => (await sim.post('/sim/calls', body)).body as { callid: number };
const over = (calls: number) =>
  waitFor(async () => ((await sim.get('/sim/calls')).body as { calls: unknown[] }).calls.length >= calls, {
    what: `${calls} calls to end`,
  });
type Truth = { cdrId: string; callHistoryId: string; mainCallHistoryId: string; startedAt: number; answeredAt: number };
const truthOf = async () =>
  ((await sim.get('/sim/cdr?limit=10000')).body as { segments: { segment: Truth }[] }).segments.map(
    each => each.segment ?? (each as unknown as Truth),
  );
async function idsOf(source: CdrSource): Promise<[string, string[]][]> {
  const calls: [string, string[]][] = [];
  for await (const call of source.queryCDR(new Date(Date.now() - 600_000), new Date())) {
    calls.push([call.callHistoryId, call.segments.map(segment => segment.cdrId).sort()]);
  }
  return calls.sort();
}
function chainsOf(segments: readonly Truth[]): [string, string[]][] {
  const chains = Map.groupBy(segments, segment => segment.callHistoryId);
  return [...chains].map(([id, chain]): [string, string[]] => [id, chain.map(each => each.cdrId).sort()]).sort();
}

describe('XAPI of the simulated PBX', () => {
  beforeEach(() => begin());

  test('tells version, state and active calls, and ends one', async () => {
    await xapi.check();
    expect(await xapi.getVersion()).toMatch(/^20\./);
    expect(await xapi.getSystemStatus()).toMatchObject({ version: expect.stringMatching(/^20\./) });
    const { callid } = await play({
      scenario: 'inbound',
      dn: '101',
      ringMs: 1,
      talkMs: 60_000,
      number: '+49301234567',
    });
    const call = await waitFor(
      async () => (await xapi.getActiveCalls()).find(each => each.id === callid && each.status !== 'Ringing'),
      { what: 'the call' },
    );
    expect(call).toMatchObject({ caller: expect.stringContaining('+49301234567'), serverNow: expect.any(Number) });
    expect(call.callee).toMatch(/^101 /);
    await xapi.dropCall(callid);
    await waitFor(async () => (await xapi.getActiveCalls()).length === 0, { what: 'its end' });
    await expect(xapi.dropCall(callid)).rejects.toMatchObject({ code: 'PBX_NOT_FOUND' });
  });

  test('is asked with one token for all, which another program may kill at any time', async () => {
    await xapi.check();
    const first = await xapi.ensureValidToken();
    await sim.token();
    await Promise.all([xapi.check(), xapi.getActiveCalls(), xapi.getSystemStatus()]);
    expect(await xapi.ensureValidToken()).not.toBe(first);
    await sim.post('/sim/faults', { kind: 'expire-token' });
    await xapi.check();
    expect(xapi.tokenExpiry).toBeGreaterThan(Date.now() + 3_000_000);
  });

  test.each([
    ['minutes', 3_600_000],
    ['seconds', 3_600_000],
  ] as const)('with expires_in in %s has a token for an hour', async (expiresInUnit, lifeMs) => {
    await sim.post('/sim/token', { expiresInUnit });
    await xapi.ensureValidToken();
    expect(Math.abs(xapi.tokenExpiry - Date.now() - lifeMs)).toBeLessThan(5_000);
  });

  test('tells a missing tick, a small role and a wrong secret apart', async () => {
    await sim.post('/sim/clients', { id: 'plain', secret: credentials.clientSecret, hasXapi: false });
    await sim.post('/sim/clients', { id: 'user', secret: credentials.clientSecret, role: 'user' });
    const plain = openXapi({ clientId: 'plain' });
    await expect(plain.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_XAPI_NOT_ENABLED' });
    await expect(plain.check()).rejects.toMatchObject({ code: 'PBX_XAPI_NOT_ENABLED' });
    const user = openXapi({ clientId: 'user' });
    await user.getActiveCalls();
    await expect(idsOf(user)).rejects.toMatchObject({ code: 'PBX_ROLE_TOO_SMALL' });
    const wrong = new XAPIClient(simulator.url, 'relay', 'wrong');
    await expect(wrong.check()).rejects.toMatchObject({ code: 'PBX_CREDENTIALS_REFUSED' });
    wrong.stop();
  });

  test('pages by itself where the PBX gives a short page and no next link', async () => {
    const ids: unknown[] = [];
    for await (const page of xapi.pages('Users', { $top: 7 })) ids.push(...page.map(row => row.Id));
    expect(new Set(ids).size).toBe(30);
    expect(ids).toHaveLength(30);
  });

  test('that fails is left alone and comes back, and a slow one is given up', async () => {
    const client = openXapi({ attempts: 1, circuitFailures: 3, circuitOpenMs: 300, timeoutMs: 100 });
    await client.check();
    await sim.post('/sim/faults', { kind: 'slow', ms: 1_000, count: 1, path: '/xapi/v1/ActiveCalls' });
    await expect(client.getActiveCalls()).rejects.toMatchObject({ code: 'PBX_TIMEOUT' });
    await sim.post('/sim/faults', { kind: 'http-error', status: 503, ms: 60_000, path: '/xapi' });
    for (let i = 0; i < 2; i += 1) await expect(client.check()).rejects.toMatchObject({ code: 'PBX_FAILED' });
    expect(client.circuit).toBe('open');
    await sim.request('DELETE', '/sim/faults');
    await waitFor(() => client.check().then(() => true), { what: 'XAPI' });
    expect(client.circuit).toBe('closed');
  });

  test.each(['stale', 'live', 'broken'] as const)(
    'has the newest calls in its history while the view is %s',
    async mode => {
      await sim.post('/sim/xapi', { callHistory: mode });
      await play({ scenario: 'inbound', dn: '101', ringMs: 1, talkMs: 20 });
      await over(1);
      const client = openXapi({ circuitFailures: 1 });
      const sources = new Set<string>();
      for await (const row of client.callHistory(new Date(Date.now() - 600_000), new Date())) sources.add(row.source);
      expect([...sources]).toEqual([mode === 'live' ? 'CallHistoryView' : 'ReportCallLogData']);
      expect(client.circuit).toBe('closed');
    },
  );
});

describe('call records', () => {
  test.each(['v20', 'spec'] as const)(
    'of the layout %s and of XAPI are what the PBX has written',
    async layout => {
      const name = `database_${randomBytes(5).toString('hex')}`;
      await begin({ database: { adminUrl: databaseUrl(), name, layout, iniDir: root, isDroppedAtStop: true } });
      const database = new Database3CX({ root });
      stops.push(() => database.stop());
      await play({ scenario: 'inbound', dn: '101', ringMs: 5, talkMs: 20 });
      await play({ scenario: 'missed', dn: '102', ringMs: 20 });
      await play({ scenario: 'outbound', dn: '103', ringMs: 5, talkMs: 20 });
      await play({ scenario: 'internal', dn: '104', number: '105', ringMs: 5, talkMs: 20 });
      await play({ scenario: 'queue', agents: ['106', '107'], ringMs: 10, talkMs: 20 });
      await over(5);
      const truth = chainsOf(await truthOf());
      expect(truth.length).toBeGreaterThanOrEqual(5);
      await waitFor(
        async () => (await idsOf(database)).flatMap(call => call[1]).length === truth.flatMap(call => call[1]).length,
        {
          what: 'the rows',
        },
      );
      const fromDatabase = await idsOf(database);
      if (layout === 'v20') expect(fromDatabase).toEqual(truth);
      else
        expect(fromDatabase.map(call => [call[0], call[1].length])).toEqual(
          truth.map(call => [call[0], call[1].length]),
        );
      // XAPI hides the polls nobody answered.
      const fromXapi = await idsOf(xapi);
      expect(fromXapi.map(call => call[0])).toEqual(truth.map(call => call[0]));

      const logger = createLogger({ name: 'test', level: 'silent' });
      const either = createCdrSource({ database, xapi, logger });
      expect(await idsOf(either)).toEqual(fromDatabase);
      await sim.post('/sim/faults', { kind: 'database-down', ms: 60_000 });
      expect(await idsOf(either)).toEqual(fromXapi);
      await sim.request('DELETE', '/sim/faults');
      await database.connect();
      expect(await idsOf(either)).toEqual(fromDatabase);
    },
    20_000,
  );

  test('of one call may be a thousand', async () => {
    const name = `database_${randomBytes(5).toString('hex')}`;
    await begin({ database: { adminUrl: databaseUrl(), name, iniDir: root, isDroppedAtStop: true } });
    const database = new Database3CX({ root });
    stops.push(() => database.stop());
    await play({ scenario: 'queue', agents: ['106', '107'], ringMs: 10, talkMs: 20, segments: 1_040 });
    await over(1);
    await waitFor(async () => (await idsOf(database))[0]?.[1].length === (await truthOf()).length, {
      what: 'the rows',
    });
    expect((await idsOf(database))[0]?.[1].length).toBeGreaterThanOrEqual(1_040);
  }, 20_000);

  test('come from XAPI where there is no database, and both reasons are told when neither has them', async () => {
    await begin();
    await play({ scenario: 'inbound', dn: '101', ringMs: 1, talkMs: 20 });
    await over(1);
    const logger = createLogger({ name: 'test', level: 'silent' });
    const absent = createCdrSource({ database: new Database3CX({ root }), xapi, logger });
    expect(await idsOf(absent)).toEqual(chainsOf(await truthOf()));
    const nobody = new Database3CX({ databaseUrl: 'postgres://u:p@127.0.0.1:1/x' });
    await simulator.stop();
    await expect(idsOf(createCdrSource({ database: nobody, xapi, logger }))).rejects.toMatchObject({
      code: 'PBX_CDR_UNAVAILABLE',
      message: expect.stringMatching(/database cannot be opened.*XAPI/),
    });
  });
});

describe('the call-control socket of the simulated PBX', () => {
  let connection: CallControlWebSocket;
  let news: SocketNews[];
  let mints: number;

  const connect = (auth: 'auto' | 'bearer' | 'basic' = 'auto') => {
    const http = createPbxHttp(simulator.url, { maxSockets: 2 });
    const owner = createOAuthToken({ http: http.http }, credentials);
    let last = '';
    mints = 0;
    connection = new CallControlWebSocket(simulator.url, credentials.clientId, credentials.clientSecret, {
      token: {
        ...owner,
        get tokenExpiry() {
          return owner.tokenExpiry;
        },
        async ensureValidToken() {
          const token = await owner.ensureValidToken();
          if (token !== last) mints += 1;
          last = token;
          return token;
        },
      },
      plan: createReconnectPlan({ auth, quickMs: 10, firstMs: 20, maxMs: 50 }),
      ...{ pingMs: 50, pongDeadlineMs: 150, maxFrameBytes: 1024 * 1024 },
    });
    news = [];
    connection.subscribe(each => news.push(each));
    connection.start();
    stops.push(
      () => connection.stop(),
      () => http.stop(),
    );
  };
  const reached = (kind: SocketNews['kind'], times = 1) =>
    waitFor(() => news.filter(each => each.kind === kind).length >= times, { what: `${times} × ${kind}` });

  beforeEach(() => begin());

  test('opens with a Bearer token and brings frames without any subscription', async () => {
    connect();
    await reached('open');
    await play({ scenario: 'inbound', dn: '101', ringMs: 5, talkMs: 20 });
    await reached('frame', 3);
    expect(mints).toBe(1);
  });

  test('refuses Basic, which is never given up for Bearer when it is the only one allowed', async () => {
    connect('basic');
    await waitFor(() => connection.error?.includes('401'), { what: 'the refusal' });
    expect([connection.state === 'connected', mints]).toEqual([false, 0]);
  });

  test('comes back with its old token after 1006 and 1012, and with a new one after that was superseded', async () => {
    connect();
    await reached('open');
    await sim.post('/sim/faults', { kind: 'drop', ms: 50 });
    await reached('open', 2);
    await sim.post('/sim/restart', {});
    await reached('open', 3);
    expect(mints).toBe(1);
    await sim.token();
    await sim.post('/sim/faults', { kind: 'drop', ms: 1 });
    await reached('open', 4);
    expect(mints).toBe(2);
    expect(news.flatMap(each => (each.kind === 'lost' ? [each.detail] : [])).join()).toMatch(/1006.*1012/);
  });

  test.each([401, 403, 404, 503])('that answers the upgrade with %s is dialled until it accepts', async status => {
    await sim.post('/sim/faults', { kind: 'reject-upgrade', count: 3, status });
    connect();
    await waitFor(() => connection.error?.includes(`${status}`), { what: 'the refusal' });
    await reached('open');
    expect(connection.error).toBeNull();
  });

  test('that died without a word is given up for its missing pongs', async () => {
    connect();
    await reached('open');
    await sim.post('/sim/faults', { kind: 'stall', ms: 300, answerPings: false });
    await reached('lost');
    await reached('open', 2);
  });

  test('survives ten megabytes in one frame', async () => {
    connect();
    await reached('open');
    await sim.post('/sim/faults', { kind: 'garbage', count: 1, bytes: 10 * 1024 * 1024 });
    await reached('unreadable');
    await reached('open', 2);
  });
});
