import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds } from '../harness/client-crowd.ts';
import { type System, startSystem } from '../harness/system.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import { extent, limitOf } from './extent.ts';
import { playWhile } from './load.ts';
import { msUntilTold } from './redness.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R1. Ingest, relay and worker are killed (-9) at random, and stand still (SIGSTOP) for so long that others give them up,
 * some to be killed before they go on. Must hold: every frame that the PBX sent to a connected socket is in the log once
 * and in order, and what nobody heard stands at a gap; every client has each entry once, whether it knows the wire alone
 * or is the library, even when its own connection is cut in the middle of a message; PostgreSQL equals the log. Who asks
 * the relay is told within five seconds which of the others stands still.
 */
const SECONDS = extent({ quick: 9, full: 600 });
const STRIKE_EVERY_MS = extent({ quick: 1_200, full: 5_000 });
const FROZEN_MS = extent({ quick: { least: 1_000, most: 3_000 }, full: { least: 1_000, most: 20_000 } });
const PER_SECOND = extent({ quick: 300, full: 500 });
const CLIENTS = extent({ quick: 20, full: 100 });
const NAMES = ['ingest', 'relay', 'worker'] as const;

let system: System;
let way: TcpProxy;
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  system = await startSystem();
  way = await startTcpProxy(system.relayUrl);
});

afterAll(async () => {
  await Promise.all(crowds.map(crowd => crowd.stop()));
  await way?.stop();
  await system?.stop();
});

type Strike = { readonly name: (typeof NAMES)[number]; readonly does: 'kill' | 'freeze' };
const STRIKES: readonly Strike[] = (['kill', 'freeze'] as const).flatMap(does => NAMES.map(name => ({ name, does })));
const times = {
  kill: { ingest: 0, relay: 0, worker: 0 },
  freeze: { ingest: 0, relay: 0, worker: 0 },
};

async function strikeAtRandom(): Promise<void> {
  const returning = new Map<string, Promise<void>>();
  const frozen = new Map<string, Promise<void>>();
  const until = performance.now() + SECONDS * 1_000;
  for (let i = 0; i < STRIKES.length || performance.now() < until; i += 1) {
    await sleep(STRIKE_EVERY_MS / 2 + Math.random() * (STRIKE_EVERY_MS / 2));
    // Each at least once, then as it comes.
    const strike = STRIKES[i < STRIKES.length ? i : Math.floor(Math.random() * STRIKES.length)];
    if (!strike) continue;
    const { name, does } = strike;
    crowds[0]?.cut(i);
    if (i % 3 === 1) way.hamper({ cutAfterBytes: 20_000 + Math.floor(Math.random() * 200_000) });
    else way.hamper(i % 3 === 0 ? {} : { latencyMs: 30 });
    await returning.get(name);
    if (does === 'kill') returning.set(name, system.crash(name));
    else if (frozen.has(name)) continue;
    else
      frozen.set(
        name,
        freeze(name).finally(() => frozen.delete(name)),
      );
    times[does][name] += 1;
  }
  way.hamper({});
  await Promise.all([...returning.values(), ...frozen.values()]);
}

async function freeze(name: Strike['name']): Promise<void> {
  const thaw = system.service(name).freeze();
  await sleep(FROZEN_MS.least + Math.random() * (FROZEN_MS.most - FROZEN_MS.least));
  thaw();
}

function told(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ×${count}`)
    .join(' ');
}

test(
  'ingest, relay and worker die and stand still at random, and everything arrives once',
  async () => {
    const { apiKey } = system;
    const relayUrls = [system.relayUrl, way.url];
    crowds = createBothCrowds({ relayUrls, apiKey, size: CLIENTS });
    await playWhile(system, PER_SECOND, strikeAtRandom());
    const verdict = await judge(system, crowds, { healingSince: performance.now() });
    const { problems, ...figures } = verdict;
    await report({
      fault: 'R1 processes killed',
      load: `${PER_SECOND}/s, ${CLIENTS} clients`,
      seconds: SECONDS,
      ...figures,
      note: `${told(times.kill)}, frozen ${told(times.freeze)}`,
    });
    expectNothingLost(verdict);
    const active = await fetch(`${system.relayUrl}/relay/active-calls`, { headers: { 'x-api-key': apiKey } });
    expect(await active.json()).toMatchObject({ calls: [] });
    expect(verdict.sent).toBeGreaterThan(PER_SECOND);
  },
  limitOf(SECONDS),
);

test('a worker or an ingest that stands still is told within five seconds to whoever asks the relay', async () => {
  const ms = { worker: await msUntilTold(system, 'worker'), ingest: await msUntilTold(system, 'ingest') };
  console.info(`R1 told as frozen after ${ms.worker} ms (worker), ${ms.ingest} ms (ingest)`);
});
