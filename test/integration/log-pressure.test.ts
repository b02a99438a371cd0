import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createLogKeeper } from '../../services/worker/trim/log-keeper.ts';
import { createTrimMetrics } from '../../services/worker/trim/trim-metrics.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient, type RelayClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** The log is full while PostgreSQL is away. */
const logger = createLogger({ name: 'test', level: 'silent' });
let relay: TestRelay;
let proxy: TcpProxy;
let store: PostgresPool;
let filler: LogFiller;
let keys: LogKeys;
let told: string[];
const clients: RelayClient[] = [];

beforeEach(async () => {
  relay = await startTestRelay();
  proxy = await startTcpProxy(relay.databaseUrl);
  store = createPool({ databaseUrl: proxy.url, name: 'test', max: 4, logger });
  filler = createLogFiller({ redisUrl: relay.redisUrl, pbxId: relay.pbxId });
  keys = createLogKeys(relay.pbxId);
  told = [];
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await filler.stop();
  await store.stop();
  await proxy.stop();
  await relay.stop();
});

const errors = {
  logError(component: string, severity: string, message: string) {
    told.push(`${component} ${severity} ${/oldest entries of "(\w+)" were/.exec(message)?.[1] ?? ''}`.trim());
  },
};

async function drain(channel: Channel): Promise<number> {
  const months = createMonths({ pool: store.pool, logger }, sameDays(400));
  const metrics = createPersistMetrics(createMetrics('test'));
  const deps = { redis: filler.redis, keys, pool: store.pool, months, metrics, logger, errors };
  return (await drainChannel(deps, channel, AbortSignal.timeout(9_000))).rows;
}

/** A worker's first run with this budget. */
async function keepWithin(maxBytes: number): Promise<void> {
  const metrics = createTrimMetrics(createMetrics('test'));
  const deps = { redis: filler.redis, keys, pool: store.pool, logger, metrics, errors };
  await createLogKeeper(deps, { hours: 24, maxBytes }).run(AbortSignal.timeout(20_000));
}

const bytesOf = async (channel: Channel) => (await filler.redis.memory('USAGE', keys.log(channel), 'SAMPLES', 0)) ?? 0;
const lengthOf = (channel: Channel) => filler.redis.xlen(keys.log(channel));

async function oldestOf(channel: Channel): Promise<number> {
  const [oldest] = await filler.redis.xrange(keys.log(channel), '-', '+', 'COUNT', 1);
  return Number.parseInt(oldest?.[0] ?? '0', 10);
}

function some(count: number, type: string): NewEntry[] {
  const body = `{"at":"2026-11-22T12:00:00.000Z","data":{"padding":"${'x'.repeat(200)}"}}`;
  return Array.from({ length: count }, () => ({ type, at: Date.now(), body }));
}

async function fillChannels(): Promise<Record<'requests' | 'health' | 'calls', number>> {
  for (const channel of ['requests', 'health'] as const) await filler.append(some(1_000, 'other'), channel);
  await filler.fill(1_000);
  return { requests: await bytesOf('requests'), health: await bytesOf('health'), calls: await bytesOf('calls') };
}

test('what is persisted makes room first, then the least valuable channels, only as much as is needed, and calls last', async () => {
  await filler.fill(500);
  await drain('calls');
  await filler.append(some(400, 'other'), 'health');
  await proxy.cut();
  const bytes = await fillChannels();
  // Room for all but the calls that are persisted.
  await expect(keepWithin(bytes.requests + bytes.health + (bytes.calls * 2) / 3 + 30_000)).rejects.toThrow();
  expect([await lengthOf('requests'), await lengthOf('health')]).toEqual([1_000, 1_400]);
  expect(await oldestOf('calls')).toBeLessThanOrEqual(501);
  expect(told).toEqual(['log critical']);
  told.length = 0;
  // Half of the requests must go, and nothing else.
  await expect(keepWithin(bytes.requests / 2 + bytes.health + (bytes.calls * 2) / 3)).rejects.toThrow();
  expect(await lengthOf('requests')).toBeGreaterThan(250);
  expect(await lengthOf('requests')).toBeLessThan(650);
  expect([await lengthOf('health'), await lengthOf('calls')]).toEqual([1_400, 1_000]);
  expect(new Set(told)).toEqual(new Set(['log critical requests']));
  told.length = 0;
  await expect(keepWithin(bytes.calls / 3)).rejects.toThrow();
  expect([await lengthOf('requests'), await lengthOf('health')]).toEqual([0, 0]);
  expect(await lengthOf('calls')).toBeGreaterThan(300);
  expect(await lengthOf('calls')).toBeLessThan(600);
  expect(new Set(told)).toEqual(new Set(['requests', 'health', 'calls'].map(channel => `log critical ${channel}`)));
  told.length = 0;
  await proxy.restore();
  expect([await drain('requests'), await drain('health')]).toEqual([0, 0]);
  await drain('calls');
  const { rows } = await store.pool.query(
    'SELECT channel, after_seq::int, before_seq::int, lost::int, reason FROM log_gaps ORDER BY 1',
  );
  const from = 1_501 - (await lengthOf('calls'));
  expect(rows).toEqual([
    { channel: 'calls', after_seq: 500, before_seq: from, lost: from - 501, reason: 'retention' },
    { channel: 'health', after_seq: 0, before_seq: 1_401, lost: 1_400, reason: 'retention' },
    { channel: 'requests', after_seq: 0, before_seq: 1_001, lost: 1_000, reason: 'retention' },
  ]);
  expect(told).toEqual(['log error', 'log error', 'log error']);
});

test('the level is told once by all workers together, and its end when PostgreSQL has caught up', async () => {
  await proxy.cut();
  await filler.fill(1_000);
  const bytes = await bytesOf('calls');
  const room = bytes / 0.85;
  for (let run = 0; run < 2; run += 1) await expect(keepWithin(room)).rejects.toThrow();
  expect(told).toEqual(['log warning']);
  await proxy.restore();
  await drain('calls');
  for (let run = 0; run < 2; run += 1) await keepWithin(room);
  expect(told).toEqual(['log warning', 'log info']);
  expect(await lengthOf('calls')).toBe(1_000);
});

test('a client that was live misses nothing, and who reads across what was given up is told of it in its place', {
  timeout: 60_000,
}, async () => {
  const live = await connectClient(relay.url, relay.apiKey);
  clients.push(live);
  await live.waitForMessage('caught_up');
  await filler.fill(300);
  await drain('calls');
  await proxy.cut();
  await filler.fill(3_000);
  // What is given up before it was read, the relay cannot have: then a live client is told of it, too.
  await waitFor(() => live.entries().length === 3_300, { what: 'the live client at the head' });
  await expect(keepWithin((await bytesOf('calls')) / 3)).rejects.toThrow();
  const from = await oldestOf('calls');
  expect(from).toBeGreaterThan(1_000);
  await filler.fill(10);
  await waitFor(() => live.entries().length === 3_310, { what: 'the live client at the new head' });
  expect(live.messages.filter(({ type }) => type === 'gap')).toEqual([]);

  await proxy.restore();
  await drain('calls');
  const { rows } = await store.pool.query(
    'SELECT count(*)::int AS n, max(seq) FILTER (WHERE seq < $1)::int AS before FROM events',
    [from],
  );
  expect(rows).toEqual([{ n: 300 + 3_310 - from + 1, before: 300 }]);
  // A relay that has not read what was given up while it was there.
  const other = await startTestRelay({
    DATABASE_URL: relay.databaseUrl,
    REDIS_URL: relay.redisUrl,
    PBX_ID: relay.pbxId,
  });
  try {
    const epoch = live.position()?.slice(0, 8) ?? '';
    const at = (seq: number) => `${epoch}_${String(seq).padStart(16, '0')}`;
    const expectGap = (message: unknown, after: number) =>
      expect(message).toMatchObject({
        type: 'gap',
        channel: 'calls',
        after: at(after),
        before: at(from),
        lost: from - after - 1,
        reason: 'retention',
      });
    for (const [place, after] of [
      ['start', 300],
      [at(600), 600],
    ] as const) {
      const client = await connectClient(other.url, relay.apiKey, { after: place });
      clients.push(client);
      await client.waitForMessage('caught_up');
      const gaps = client.messages.filter(({ type }) => type === 'gap');
      expect(gaps).toHaveLength(1);
      expectGap(gaps[0], after);
      const seqs = client.entries().map(({ id }) => parsePosition(id ?? '')?.seq ?? 0);
      const cold = place === 'start' ? 300 : 0;
      expect(seqs).toEqual([...range(1, cold), ...range(from, 3_310)]);
      expect(client.messages.indexOf(gaps[0] ?? { type: '' })).toBe(
        client.messages.findIndex(({ id }) => id === at(from)) - 1,
      );
    }
    const answer = await fetch(`${other.url}/relay/events?after=${at(298)}&limit=5`, {
      headers: { 'x-api-key': relay.apiKey },
    });
    const { events } = (await answer.json()) as { events: { id?: string; type: string }[] };
    expect(events.map(({ type, id }) => (type === 'gap' ? 'gap' : id))).toEqual([
      at(299),
      at(300),
      'gap',
      ...range(from, from + 1).map(at),
    ]);
    expectGap(events[2], 300);
  } finally {
    await other.stop();
  }
});

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
