import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue, type JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import type { RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServiceProcess } from '../harness/processes.ts';
import { startService } from '../harness/processes.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from './fixtures/ingest-stand.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** The monitor as a whole: the worker's schedule, ingest, the log, and what the relay tells. */
const logger = createLogger({ name: 'test', level: 'silent' });
const requestedBy = { kind: 'admin', id: '1', name: 'ada' } as const;

let stand: IngestStand;
let relay: TestRelay;
let postgres: TcpProxy;
let worker: ServiceProcess | undefined;
let connection: RedisConnection;
let queue: JobQueue<'pbx'>;

beforeAll(async () => {
  stand = await createIngestStand();
  relay = await startTestRelay({ PBX_ID: stand.keys.pbxId });
  postgres = await startTcpProxy(relay.databaseUrl);
  connection = connectForJobs(relay.redisUrl, { name: 'test', logger });
  queue = createJobQueue('pbx', { connection, keys: stand.keys, logger });
});

afterAll(async () => {
  if (worker?.isAlive()) await worker.stop();
  worker = undefined;
  await queue.stop();
  await connection.stop();
  await stand.stop();
  await postgres.stop();
  await relay.stop();
});

/** The one that runs, if one does; nothing of what was told before is read any more. */
const ingestFollows = () => stand.renew({ DATABASE_URL: postgres.url });

async function startWorker(): Promise<void> {
  worker = await startService('worker', {
    PBX_ID: stand.keys.pbxId,
    REDIS_URL: relay.redisUrl,
    DATABASE_URL: relay.databaseUrl,
  });
}

type Sample = {
  component: string;
  state: string;
  previous?: string;
  latencyMs: number | null;
  error: string | null;
  since: string;
};

async function health(event: 'health.sample' | 'health.state_change'): Promise<Sample[]> {
  const entries = await stand.entries('health');
  expect(entries.every(({ type }) => type === 'health')).toBe(true);
  const bodies = entries.map(entry => ({ entry, body: JSON.parse(entry.body) as { event: string; data: Sample } }));
  expect(bodies.every(({ entry, body }) => entry.event === body.event)).toBe(true);
  return bodies.filter(({ body }) => body.event === event).map(({ body }) => body.data);
}

const lastSample = async (component: string) =>
  (await health('health.sample')).findLast(sample => sample.component === component);

const becomes = (component: string, state: string) =>
  waitFor(async () => ((await lastSample(component))?.state === state ? lastSample(component) : null), {
    what: `${component} to be ${state}`,
    timeoutMs: 15_000,
    everyMs: 100,
  });

const looksAt = async (component: string) =>
  (await health('health.sample')).filter(sample => sample.component === component).length;

/** As a job of the schedule would; one that comes too soon behind another is dropped. */
async function check(): Promise<void> {
  const before = await looksAt('websocket');
  const isDone = async () => {
    await queue.run('check-connections', {}, { timeoutMs: 5_000 });
    return (await looksAt('websocket')) > before;
  };
  await waitFor(isDone, { what: 'a look', everyMs: 100 });
}

const reconnect = (component: 'database' | 'xapi' | 'websocket') =>
  queue.run('reconnect', { component, requestedBy, address: '10.0.0.9' }, { timeoutMs: 15_000 });

type Health = { status: string; components: Record<string, { state: string; error?: string }> };

async function relayHealth(): Promise<Health> {
  const response = await fetch(`${relay.url}/relay/health`, { headers: { authorization: `Bearer ${relay.apiKey}` } });
  return (await response.json()) as Health;
}

test('a restart of ingest is no change, and states keep their age', { timeout: 60_000 }, async () => {
  const ingest = await ingestFollows();
  await becomesConnected();
  await check();
  const before = await becomes('redis', 'up');
  await ingest.stop();
  await stand.start({ DATABASE_URL: postgres.url });
  await becomesConnected();
  await check();
  const samples = (await health('health.sample')).filter(each => each.component === 'redis');
  expect(samples.map(({ since }) => since)).toEqual([before.since, before.since]);
  expect((await health('health.state_change')).filter(({ component }) => component !== 'event_loop')).toEqual([]);
});

test('PostgreSQL that froze is down within its deadline, and the others are told at once', {
  timeout: 60_000,
}, async () => {
  await ingestFollows();
  await becomesConnected();
  await check();
  await becomes('postgres', 'up');
  postgres.freeze();
  const checking = check();
  await waitFor(async () => (await looksAt('redis')) === 2, { what: 'the look at Redis', everyMs: 5 });
  // The others are told long before the one that hangs.
  expect(await looksAt('postgres')).toBe(1);
  await checking;
  expect(await looksAt('postgres')).toBe(2);
  expect(await lastSample('postgres')).toMatchObject({ state: 'down', error: 'no answer within 2000 ms' });
  await postgres.restore();
});

test('the socket is reconnected on request: the PBX sees a new one, and the result is the real one', {
  timeout: 60_000,
}, async () => {
  await ingestFollows();
  await becomesConnected();
  const sockets = async () => ((await stand.sim.get('/sim/sockets')).body as { sockets: unknown[] }).sockets.length;
  const before = await sockets();
  expect(await reconnect('websocket')).toEqual({
    kind: 'answered',
    result: { component: 'websocket', ok: true, state: 'up', latencyMs: null, error: null },
  });
  expect(await sockets()).toBe(before + 1);
  await stand.sim.post('/sim/faults', { kind: 'reject-upgrade', status: 403, count: 100 });
  const failed = await reconnect('websocket');
  expect(failed).toMatchObject({
    kind: 'answered',
    result: { ok: false, state: 'down', error: expect.stringContaining('403') },
  });
  expect(await reconnect('database')).toMatchObject({
    kind: 'answered',
    result: { ok: false, state: 'absent', error: expect.stringContaining('no PBX database') },
  });
  await waitFor(async () => (await stand.entries('audit')).length === 3, { what: 'the audit' });
  const audit = (await stand.entries('audit')).map(({ body }) => JSON.parse(body).data);
  expect(audit).toMatchObject([
    { action: 'connection.reconnect', actor: requestedBy, address: '10.0.0.9', target: 'websocket', outcome: 'done' },
    { action: 'connection.reconnect', target: 'websocket', outcome: 'failed' },
    { action: 'connection.reconnect', target: 'database', outcome: 'failed' },
  ]);
});

test('without the worker ingest looks by itself and says so', { timeout: 60_000 }, async () => {
  await ingestFollows();
  const drivenBy = async () => {
    const status = await stand.redis.get(stand.keys.ingestStatus);
    return (JSON.parse(status ?? '{}') as { checksDrivenBy?: string }).checksDrivenBy;
  };
  await waitFor(async () => (await drivenBy()) === 'ingest', { what: 'ingest to look', timeoutMs: 25_000 });
  // It says so when it begins to look; what it saw comes when all have answered.
  await waitFor(async () => (await health('health.sample')).length > 0, { what: 'a sample' });
  await startWorker();
  await waitFor(async () => (await drivenBy()) === 'schedule', { what: 'the schedule', timeoutMs: 20_000 });
});

test('the schedule of the worker brings one sample of every component', { timeout: 60_000 }, async () => {
  await ingestFollows();
  await becomes('websocket', 'up');
  const names = ['database', 'event_loop', 'postgres', 'redis', 'websocket', 'xapi'];
  const samples = await waitFor(
    async () => {
      const found = await health('health.sample');
      return names.every(name => found.some(({ component }) => component === name)) && found;
    },
    { what: 'a sample of every component' },
  );
  const first = new Map(samples.map(sample => [sample.component, sample]));
  expect([...first.keys()].sort()).toEqual(names);
  expect(first.get('postgres')).toMatchObject({ state: 'up', error: null, latencyMs: expect.any(Number) });
  expect(first.get('redis')).toMatchObject({ state: 'up' });
  // No database of a PBX is on this host, which is no alarm.
  expect(first.get('database')).toMatchObject({ state: 'absent', error: null });
  await waitFor(async () => (await health('health.sample')).length > samples.length, {
    what: 'the next look',
    timeoutMs: 15_000,
  });
});

test('what fails is told as a change, degrades the relay and leaves the others up', { timeout: 60_000 }, async () => {
  await ingestFollows();
  await becomesConnected();
  await check();
  expect((await relayHealthWith('xapi', 'up')).status).toBe('ok');
  await stand.sim.post('/sim/faults', { kind: 'http-error', status: 500, path: '/xapi', ms: 600_000 });
  await check();
  const degraded = await relayHealthWith('xapi', 'down');
  expect(degraded.status).toBe('degraded');
  expect(degraded.components).toMatchObject({
    websocket: { state: 'up' },
    database: { state: 'absent' },
    pbx: { state: 'up' },
  });
  expect(await health('health.state_change')).toMatchObject([
    { component: 'xapi', previous: 'up', state: 'down', error: expect.stringMatching(/./) },
  ]);
  await stand.sim.request('DELETE', '/sim/faults');
  await waitFor(async () => (await reconnect('xapi')).kind === 'answered' && lastIs('xapi', 'up'), {
    what: 'xapi to be back',
    timeoutMs: 15_000,
  });
  expect((await relayHealthWith('xapi', 'up')).status).toBe('ok');
});

async function lastIs(component: string, state: string): Promise<boolean> {
  return (await lastSample(component))?.state === state;
}

async function becomesConnected(): Promise<void> {
  await waitFor(async () => (await relayHealth()).components.pbx?.state === 'up', {
    what: 'ingest to be connected',
    everyMs: 100,
  });
}

/** The status of ingest is two seconds old at most, the relay's report half a second. */
async function relayHealthWith(component: string, state: string): Promise<Health> {
  return waitFor(
    async () => {
      const report = await relayHealth();
      return report.components[component]?.state === state && report;
    },
    { what: `the relay to show ${component} ${state}`, everyMs: 100 },
  );
}
