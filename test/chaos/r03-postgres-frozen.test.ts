import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds } from '../harness/client-crowd.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import { extent, limitOf } from './extent.ts';
import { playWhile } from './load.ts';
import { allReady, healthOf, msUntilRed, reasonsOf } from './redness.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R3, for those who are served meanwhile. PostgreSQL takes connections and answers nothing, to the relay, ingest and the
 * worker. Must hold: the worker is red within five seconds and so is PostgreSQL in `/relay/health`, the relay and ingest are
 * not; no connected client is cut or gets anything later; a key that was known goes on, on a connection that is there
 * and on a new one, for longer than an answer of PostgreSQL is good for; one that was not is told to come again.
 */
const PER_SECOND = extent({ quick: 300, full: 500 });
const CLIENTS = extent({ quick: 10, full: 100 });
/** In full longer than an answer about a key is fresh (validation-cache.ts) and a query may be silent (pool.ts). */
const FROZEN_MS = extent({ quick: 5_000, full: 60_000 });
/** Half a second, and the rest for a machine with more to do than it can: one who waited for PostgreSQL takes five. */
const KNOWN_WITHIN_MS = 4_500;
/** A connection and a look take five seconds each at most. */
const REFUSED_WITHIN_MS = 15_000;

let system: System;
const ways: TcpProxy[] = [];
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  system = await startSystem(
    {},
    {
      async route(name, { DATABASE_URL = '' }): Promise<Record<string, string>> {
        if (name === 'simulator') return {};
        const way = await startTcpProxy(DATABASE_URL);
        ways.push(way);
        return { DATABASE_URL: way.url };
      },
    },
  );
  const { relayUrl, apiKey } = system;
  crowds = createBothCrowds({ relayUrls: [relayUrl], apiKey, size: CLIENTS });
});

afterAll(async () => {
  await Promise.all(crowds.map(crowd => crowd.stop()));
  await system?.stop();
  await Promise.all(ways.map(way => way.stop()));
});

test(
  'a frozen PostgreSQL makes red who needs it and nobody else, and whoever is known is served as before',
  async () => {
    await allReady(system);
    await waitFor(async () => (await connections()).every(count => count === 1), { what: 'all clients to be there' });
    let redAfterMs = 0;
    let slowestMs = 0;
    let healingSince = 0;
    const frozen = async () => {
      const startedAt = performance.now();
      for (const way of ways) way.freeze();
      try {
        const unknown = answerTo(`3cxr_${randomBytes(32).toString('hex')}`, REFUSED_WITHIN_MS);
        // It is looked at when the others were.
        unknown.catch(() => undefined);
        const redAfter = await Promise.all([
          msUntilRed('worker', async () => (await reasonsOf(system, 'worker')).length > 0),
          msUntilRed('PostgreSQL in /relay/health', async () => {
            return (await healthOf(system.relayUrl)).components.postgres?.state === 'down';
          }),
        ]);
        redAfterMs = Math.max(...redAfter);
        await waitFor(async () => (await healthOf(system.relayUrl)).status === 'degraded', {
          what: 'no more than that',
        });
        do {
          await allReady(system, ['relay', 'ingest']);
          slowestMs = Math.max(slowestMs, await expectKnown());
          await expectAtHead();
          await sleep(500);
        } while (performance.now() - startedAt < FROZEN_MS);
        expect(await unknown).toMatchObject({ status: 503, code: 'unavailable' });
      } finally {
        for (const way of ways) await way.restore();
      }
      healingSince = performance.now();
    };
    await playWhile(system, PER_SECOND, frozen());
    expect(new Set(await connections())).toEqual(new Set([1]));
    await allReady(system);
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    await report({
      fault: 'R3 PostgreSQL frozen, those who are served',
      load: `${PER_SECOND}/s, ${CLIENTS} clients`,
      seconds: FROZEN_MS / 1_000,
      ...figures,
      note: `red after ${redAfterMs} ms, a known key served within ${Math.round(slowestMs)} ms`,
    });
    expectNothingLost(verdict);
    expect(verdict.gaps).toBe(0);
    await waitFor(async () => (await healthOf(system.relayUrl)).status === 'ok', { what: 'all to be well' });
  },
  limitOf(FROZEN_MS / 1_000),
);

async function connections(): Promise<number[]> {
  const accounts = await Promise.all(crowds.map(crowd => crowd.accounts()));
  return accounts.flat().map(each => each.connections);
}

async function answerTo(apiKey: string, withinMs: number): Promise<{ status: number; code?: string }> {
  const answer = await fetch(`${system.relayUrl}/relay/active-calls`, {
    headers: { 'x-api-key': apiKey },
    signal: AbortSignal.timeout(withinMs),
  });
  return { status: answer.status, ...((await answer.json()) as object) };
}

/** A request and a new connection; returns how long the slower of them took, in ms. */
async function expectKnown(): Promise<number> {
  const { relayUrl, apiKey } = system;
  const startedAt = performance.now();
  expect(await answerTo(apiKey, KNOWN_WITHIN_MS)).toMatchObject({ status: 200 });
  const client = await connectClient(relayUrl, apiKey);
  const ms = performance.now() - startedAt;
  client.cut();
  expect(ms).toBeLessThan(KNOWN_WITHIN_MS);
  return ms;
}

/** What is in the log now is soon with everybody. */
async function expectAtHead(): Promise<void> {
  const head = Number(await system.redis.hget(system.keys.meta('calls'), 'seq'));
  await waitFor(
    async () => {
      const accounts = await Promise.all(crowds.map(crowd => crowd.accounts()));
      return accounts.flat().every(({ lastSeq }) => lastSeq >= head);
    },
    { what: 'every client at the head as it was', timeoutMs: 5_000 },
  );
}
