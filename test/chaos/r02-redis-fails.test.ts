import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds } from '../harness/client-crowd.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import { extent, limitOf } from './extent.ts';
import { playBurst } from './load.ts';
import { type Asked, allReady, healthOf, msUntilRed, reasonsOf } from './redness.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R2. Redis is killed and started again, freezes with its connections open, answers reads and refuses writes, is away for
 * ingest alone or badly connected with one of the others, loses the key of the log. Must hold: what was acknowledged is there afterwards and what was not waits in the spool; whoever needs Redis is red
 * within five seconds, who does not need what is away is not, and both heal; a lost key begins a new epoch with a truthful
 * gap, and no client stalls. A failover that loses its tail is in r02-r09-redis-of-several.test.ts.
 */
const PER_SECOND = extent({ quick: 300, full: 500 });
const CLIENTS = extent({ quick: 10, full: 100 });
const LOADED_SECONDS = extent({ quick: 4, full: 60 });
const KILLS = extent({ quick: 1, full: 8 });
const READERS = extent({ quick: ['relay'] as const, full: ['relay', 'worker'] as const });
const BAD_MS = extent({ quick: 700, full: 8_000 });
const FROZEN_MS = extent({ quick: 5_500, full: 10_000 });
const REFUSING_MS = extent({ quick: 5_500, full: 30_000 });
const NAMES: readonly Asked[] = ['ingest', 'relay', 'worker'];

let system: System;
/** Everybody's own way to Redis, which can be bad while the others' are good. */
const ways = new Map<string, TcpProxy>();
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  system = await startSystem(
    {},
    {
      engine: 'single',
      async route(name, { REDIS_URL = '' }): Promise<Record<string, string>> {
        if (name === 'simulator') return {};
        const way = ways.get(name) ?? (await startTcpProxy(REDIS_URL));
        ways.set(name, way);
        return { REDIS_URL: way.url };
      },
    },
  );
  const { relayUrl, apiKey } = system;
  crowds = createBothCrowds({ relayUrls: [relayUrl], apiKey, size: CLIENTS });
});

beforeEach(() => allReady(system));

afterAll(async () => {
  await Promise.all(crowds.map(crowd => crowd.stop()));
  await system?.stop();
  await Promise.all([...ways.values()].map(way => way.stop()));
});

function wayOf(name: Asked): TcpProxy {
  const way = ways.get(name);
  if (way === undefined) throw new Error(`${name} was not started`);
  return way;
}

/** Who asks meanwhile is told to come again, and a new client is refused or served later, never left without an answer. */
async function expectAnswers(): Promise<void> {
  const { relayUrl, apiKey } = system;
  const response = await fetch(`${relayUrl}/relay/active-calls`, { headers: { 'x-api-key': apiKey } });
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('2');
  expect(await response.json()).toMatchObject({ code: 'unavailable' });
  const attempt = connectClient(relayUrl, apiKey, { after: 'start' });
  const outcome = await Promise.race([
    attempt.then(client => client.closed.then(({ code }) => code)),
    attempt.catch((error: Error) => error.message),
  ]);
  expect(outcome).toBeDefined();
}

const load = `${PER_SECOND}/s, ${CLIENTS} clients`;

test(
  'a frozen Redis that still takes connections is told within five seconds by everybody, even when nothing happens',
  async () => {
    const startedAt = performance.now();
    const thaw = system.redisEngine.freeze();
    let redAfterMs: number[];
    try {
      redAfterMs = await Promise.all([
        ...NAMES.map(name => msUntilRed(name, async () => (await reasonsOf(system, name)).length > 0)),
        msUntilRed('/relay/health', async () => (await healthOf(system.relayUrl)).status === 'down'),
      ]);
      await system.sim('POST', '/sim/burst', { events: PER_SECOND, perSecond: PER_SECOND });
      await expectAnswers();
      await sleep(Math.max(0, FROZEN_MS - (performance.now() - startedAt)));
    } finally {
      thaw();
    }
    const healingSince = performance.now();
    await allReady(system);
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    const note = `red after ${Math.max(...redAfterMs)} ms`;
    await report({ fault: 'R2 Redis frozen', load, seconds: FROZEN_MS / 1_000, ...figures, note });
    expectNothingLost(verdict);
  },
  limitOf(FROZEN_MS / 1_000),
);

test(
  'a Redis that refuses writes is told within five seconds by those who write, even when nothing happens, and loses nothing',
  async () => {
    const { redis, relayUrl, apiKey } = system;
    const refusing = /Redis refuses writes \(OOM /;
    const startedAt = performance.now();
    await redis.config('SET', 'maxmemory', '1');
    let redAfterMs: number[];
    try {
      redAfterMs = await Promise.all([
        ...(['ingest', 'worker'] as const).map(name =>
          msUntilRed(name, async () => (await reasonsOf(system, name)).some(reason => refusing.test(reason))),
        ),
        msUntilRed('ingest in /relay/health', async () => {
          const { status, components } = await healthOf(relayUrl, apiKey);
          const { redis, ingest, pbx, persist } = components;
          const isTold = [redis, ingest, pbx, persist].every(each => refusing.test(String(each?.error)));
          return status === 'degraded' && isTold;
        }),
      ]);
      // It goes on serving what Redis holds.
      expect(await reasonsOf(system, 'relay')).toEqual([]);
      await playBurst(system, { seconds: 1, perSecond: PER_SECOND });
      await sleep(Math.max(0, REFUSING_MS - (performance.now() - startedAt)));
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
    const healingSince = performance.now();
    await allReady(system);
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    const note = `red after ${Math.max(...redAfterMs)} ms`;
    await report({ fault: 'R2 Redis refuses writes', load, seconds: REFUSING_MS / 1_000, ...figures, note });
    expectNothingLost(verdict);
    expect(verdict.gaps).toBe(0);
    await waitFor(async () => (await healthOf(relayUrl)).status === 'ok', { what: 'all to be well' });
  },
  limitOf(REFUSING_MS / 1_000),
);

test('a Redis that takes every write but entries is told by ingest with what it said, and loses nothing', async () => {
  const { redis, relayUrl, apiKey } = system;
  // Redis 7.0 says it in the second way.
  const why = /^spooling: .*(NOPERM|can't run this command)/;
  await redis.acl('SETUSER', 'default', '-xadd');
  let redAfterMs: number[];
  try {
    const burst = playBurst(system, { seconds: 1, perSecond: PER_SECOND });
    redAfterMs = await Promise.all([
      msUntilRed('ingest', async () => (await reasonsOf(system, 'ingest')).some(reason => why.test(reason))),
      msUntilRed('ingest in /relay/health', async () => {
        const { status, components } = await healthOf(relayUrl, apiKey);
        return status === 'degraded' && why.test(String(components.ingest?.error));
      }),
    ]);
    await burst;
    expect(await reasonsOf(system, 'relay')).toEqual([]);
  } finally {
    await redis.acl('SETUSER', 'default', '+xadd');
  }
  const healingSince = performance.now();
  await allReady(system);
  const verdict = await judge(system, crowds, { healingSince });
  const { problems, ...figures } = verdict;
  const note = `red after ${Math.max(...redAfterMs)} ms`;
  await report({ fault: 'R2 Redis takes no entries', load, seconds: 1, ...figures, note });
  expectNothingLost(verdict);
  expect(verdict.gaps).toBe(0);
  await waitFor(async () => (await healthOf(relayUrl)).status === 'ok', { what: 'all to be well' });
});

test('a Redis that is away for ingest alone makes ingest red and nobody else, and clients are told who is missing', async () => {
  const way = wayOf('ingest');
  way.freeze();
  try {
    await Promise.all([
      msUntilRed('ingest', async () => (await reasonsOf(system, 'ingest')).length > 0),
      msUntilRed('ingest in /relay/health', async () => {
        return (await healthOf(system.relayUrl)).components.ingest?.state === 'down';
      }),
    ]);
    for (const name of ['relay', 'worker'] as const) expect(await reasonsOf(system, name)).toEqual([]);
    expect((await healthOf(system.relayUrl)).status).toBe('degraded');
    await way.cut();
  } finally {
    await way.restore();
  }
});

test(
  'a Redis that is killed and started again under load loses nothing that was acknowledged, and the rest waits',
  async () => {
    const burst = playBurst(system, { seconds: LOADED_SECONDS, perSecond: PER_SECOND });
    const way = wayOf('ingest');
    for (let i = 0; i < KILLS; i += 1) {
      await sleep((LOADED_SECONDS * 1_000) / (KILLS + 1) - 500);
      // What is written while its answer is lost on the way is sent again, and must not be written again.
      way.hamper({ latencyMs: 100 });
      await sleep(300);
      way.cutConnections();
      way.hamper({});
      const startAgain = await system.killRedis();
      await sleep(500);
      crowds[0]?.cut(i);
      await startAgain();
    }
    const healingSince = performance.now();
    await burst;
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    await report({ fault: `R2 Redis killed ×${KILLS}`, load, seconds: LOADED_SECONDS, ...figures });
    expectNothingLost(verdict);
    expect(verdict.gaps).toBe(0);
  },
  limitOf(LOADED_SECONDS),
);

test(
  'a way to Redis that is slow, drips, says nothing and breaks in the middle of an answer costs its reader no event',
  async () => {
    const seconds = (READERS.length * 4 * BAD_MS) / 1_000;
    const burst = playBurst(system, { seconds, perSecond: PER_SECOND });
    for (const way of READERS.map(wayOf)) {
      way.hamper({ latencyMs: 150 });
      await sleep(BAD_MS);
      way.hamper({ bytesPerSecond: 40_000 });
      await sleep(BAD_MS);
      way.freeze();
      await sleep(BAD_MS);
      await way.restore();
      way.hamper({ cutAfterBytes: 50_000 });
      await sleep(BAD_MS);
      way.hamper({});
    }
    const healingSince = performance.now();
    await burst;
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    await report({ fault: `R2 bad way to Redis: ${READERS.join(', ')}`, load, seconds, ...figures });
    expectNothingLost(verdict);
    expect(verdict.gaps).toBe(0);
  },
  limitOf((READERS.length * 4 * BAD_MS) / 1_000),
);

test('a log whose key was deleted begins again under another epoch, with a gap that says so, and nobody stalls', async () => {
  const { redis, keys } = system;
  await redis.del(keys.log('calls'));
  const healingSince = performance.now();
  await playBurst(system, { seconds: 1, perSecond: PER_SECOND });
  const verdict = await judge(system, crowds, { healingSince });
  const { problems, ...figures } = verdict;
  await report({ fault: 'R2 key deleted', load, seconds: 1, ...figures });
  expectNothingLost(verdict);
  expect(verdict.gaps).toBeGreaterThan(0);
  const [first] = await redis.xrange(keys.log('calls'), '-', '+', 'COUNT', 1);
  expect(first?.[1].slice(0, 2)).toEqual(['t', 'gap']);
  await waitFor(async () => (await healthOf(system.relayUrl)).status === 'ok', { what: 'all to be well' });
});
