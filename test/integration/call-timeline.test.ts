import { relayConfig } from '@3cx-relay/relay/config.ts';
import { EXAMPLES } from '@3cx-relay/relay/documents/message-examples.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { callTimeline } from '@3cx-relay/shared/wire/call-timeline.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** `GET /relay/calls/{callId}` over a log of which the test decides what is persisted, and what Redis still holds. */
const logger = createLogger({ name: 'test', level: 'silent' });

let callId: string;
let other: string;

let relay: TestRelay;
let log: LogFiller;
let store: PostgresPool;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_MAX_TIMELINE_ENTRIES: '10' });
  log = createLogFiller(relay);
  store = createPool({ databaseUrl: relay.databaseUrl, name: 'test', max: 2, logger });
});

beforeEach(() => {
  callId = `${epochAt(Date.now())}-${Math.floor(Math.random() * 1e9)}`;
  other = `${callId}0`;
});

afterAll(async () => {
  await store.stop();
  await log.stop();
  await relay.stop();
});

type Timeline = ReturnType<typeof callTimeline.parse>;

async function get(path: string, options: { url?: string; key?: string } = {}) {
  const { url = relay.url, key = relay.apiKey } = options;
  const response = await fetch(`${url}/relay/calls/${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function timelineOf(path = callId, url?: string): Promise<Timeline> {
  const { status, body } = await get(path, url === undefined ? {} : { url });
  expect(status).toBe(200);
  return callTimeline.parse(body);
}

/** One entry of the call, and one of another call behind it. */
async function happen(event: string, state: 'ringing' | 'connected' | 'ended', dn = '101'): Promise<void> {
  const entryOf = (call: string) => {
    const callJson = JSON.stringify({ ...EXAMPLES.call_event.call, callId: call, state });
    const value = state === 'ended' ? null : callJson;
    return {
      type: 'call_event',
      at: Date.now(),
      body: `{"at":"${new Date().toISOString()}","event":"${event}","data":null,"participant":null,"call":${callJson}}`,
      event,
      ...{ call, dn },
      state: [{ of: 'calls' as const, field: call, value }],
    };
  };
  await log.append([entryOf(callId), entryOf(other)]);
}

async function persist(): Promise<void> {
  const months = createMonths({ pool: store.pool, logger }, sameDays(400));
  const metrics = createPersistMetrics(createMetrics('test'));
  const deps = { redis: log.redis, keys: log.keys, pool: store.pool, months, metrics, logger };
  await drainChannel(deps, 'calls', AbortSignal.timeout(10_000));
}

const forget = () => log.redis.xtrim(log.keys.log('calls'), 'MAXLEN', 0);
const eventsOf = ({ events }: Timeline) => events.map(message => message.event);

// The first of all: the log begins with its call.
test('while PostgreSQL is away a call is told if Redis reaches back to its beginning, and refused if not', async () => {
  await happen('call.started', 'ringing');
  const proxy: TcpProxy = await startTcpProxy(relay.databaseUrl);
  const config = readConfig(relayConfig, {
    ...{ REDIS_URL: relay.redisUrl, DATABASE_URL: proxy.url, ADMIN_SECRET: adminSecret, PBX_ID: relay.pbxId },
    ...{ PORT: '0', RELAY_DRAIN_MS: '0' },
  });
  const cut = await createRelay(config, { logger, registry: createMetrics('relay') });
  const url = `http://127.0.0.1:${cut.port}`;
  try {
    // The key is remembered from here on.
    await timelineOf(callId, url);
    await proxy.cut();
    expect(eventsOf(await timelineOf(callId, url))).toEqual(['call.started']);
    const old = `${epochAt(Date.now() - 3_600_000)}-7`;
    expect((await get(old, { url })).status).toBe(404);
    await forget();
    await happen('call.answered', 'connected');
    expect(await get(callId, { url })).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(await get(old, { url })).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  } finally {
    for (const phase of cut.stop) await phase.run();
    await proxy.stop();
  }
});

test('a call that began a moment ago is told, and nothing follows its position but what is new', async () => {
  await happen('call.started', 'ringing');
  const timeline = await timelineOf();
  expect(timeline).toMatchObject({ callId, ended: false, call: { state: 'ringing' }, next: null, more: false });
  expect(eventsOf(timeline)).toEqual(['call.started']);
  await happen('call.answered', 'connected');
  const query = new URLSearchParams({ after: timeline.position, call: callId });
  const response = await fetch(`${relay.url}/relay/events?${query}`, { headers: { 'x-api-key': relay.apiKey } });
  expect(await response.json()).toMatchObject({ events: [{ event: 'call.answered' }] });
});

test('what is persisted and gone from Redis, what is in both, and what is not persisted yet make one timeline', async () => {
  await happen('call.started', 'ringing');
  await persist();
  await forget();
  await happen('call.ringing', 'ringing');
  await persist();
  await happen('call.answered', 'connected');
  const open = await timelineOf();
  expect(eventsOf(open)).toEqual(['call.started', 'call.ringing', 'call.answered']);
  expect(open).toMatchObject({ ended: false, call: { state: 'connected' } });
  await happen('call.ended', 'ended');
  const over = await timelineOf();
  expect(eventsOf(over)).toEqual(['call.started', 'call.ringing', 'call.answered', 'call.ended']);
  expect(over).toMatchObject({ ended: true, call: { callId, state: 'ended' } });
  await persist();
  await forget();
  expect(await timelineOf()).toEqual(over);
});

test('the messages are those of the socket, byte for byte', async () => {
  await happen('call.started', 'ringing');
  await persist();
  await happen('call.ended', 'ended');
  const read = async (path: string) =>
    (await fetch(`${relay.url}${path}`, { headers: { 'x-api-key': relay.apiKey } })).text();
  const events = (text: string) => /"events":\[(.*)\],"next"/.exec(text)?.[1];
  const timeline = events(await read(`/relay/calls/${callId}`));
  expect(timeline).toContain('"call_event"');
  expect(timeline).toBe(events(await read(`/relay/events?call=${callId}`)));
});

test('a long timeline comes in pages without a hole, whatever is persisted meanwhile', async () => {
  for (let n = 0; n < 23; n += 1) await happen(`call.updated`, 'connected');
  await persist();
  for (let n = 0; n < 8; n += 1) await happen(`call.updated`, 'connected');
  const ids: string[] = [];
  for (let page = await timelineOf(); ; page = await timelineOf(`${callId}?after=${page.next}`)) {
    expect(page.events.length).toBeLessThanOrEqual(10);
    expect(page.call).toMatchObject({ state: 'connected' });
    ids.push(...page.events.map(({ id }) => id));
    await persist();
    if (!page.more) break;
  }
  expect(new Set(ids).size).toBe(31);
  expect(ids).toEqual(ids.toSorted());
});

test('a call that nobody knows is not found, and parameters are named', async () => {
  await happen('call.started', 'ringing');
  for (const unknown of ['m5k2h8aa-1', 'nothing', '%2F']) {
    expect(await get(unknown)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  }
  for (const [query, field] of [
    ['limit=11', 'limit'],
    ['limit=0', 'limit'],
    ['after=garbage', 'after'],
    ['afterr=start', 'afterr'],
  ] as const) {
    expect(await get(`${callId}?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_request', field } });
  }
  expect(await get('x'.repeat(200))).toMatchObject({ status: 400, body: { field: 'callId' } });
  const powerless = await get(callId, { key: relay.powerlessKey });
  expect(powerless).toMatchObject({ status: 403, body: { detail: expect.stringContaining('"read"') } });
});

test('a key of some extensions sees the calls in which one of them takes part, and of them its own entries', async () => {
  const { apiKey: key } = await relay.createKey({ dns: ['102'] });
  await happen('call.started', 'ringing', '101');
  expect(await get(callId, { key })).toMatchObject({ status: 404, body: { code: 'not_found' } });
  await happen('call.answered', 'connected', '102,101');
  const { body } = await get(callId, { key });
  expect(eventsOf(callTimeline.parse(body))).toEqual(['call.answered']);
});
