import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, test } from 'vitest';
import { type ClientCrowd, createClientCrowd } from '../harness/client-crowd.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { extent, limitOf } from './extent.ts';
import { playBurst } from './load.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R8. A relay is told to go (SIGTERM) with all its clients connected, and another one takes its place. Must hold: it ends by
 * itself with code 0; clients are told to come back at moments that are spread over the window, and each has every entry
 * once. How soon 95 % of them are back is told beside its goal: the two thousand share the processors with their relay,
 * and a machine that is slow fails no run.
 */
const CLIENTS = extent({ quick: 60, full: 2_000 });
const PER_SECOND = extent({ quick: 40, full: 100 });
const SECONDS = extent({ quick: 6, full: 15 });
const BACK_GOAL_MS = 5_000;
const PROCESSES = extent({ quick: 1, full: 4 });

let system: System;
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  system = await startSystem();
});

afterAll(async () => {
  await Promise.all(crowds.map(crowd => crowd.stop()));
  await system?.stop();
});

const connections = async () =>
  (await Promise.all(crowds.map(crowd => crowd.connections()))).flatMap(each => [...each]);

test(
  'all clients of a relay that goes come back to the next one, spread and soon, and nobody misses anything',
  async () => {
    const { relayUrl, apiKey } = system;
    crowds = Array.from({ length: PROCESSES }, () =>
      createClientCrowd({ relayUrls: [relayUrl], apiKey, size: CLIENTS / PROCESSES, isKeeping: true }),
    );
    await waitFor(async () => (await connections()).every(count => count === 1), {
      what: 'all to be connected',
      timeoutMs: 60_000,
      everyMs: 200,
    });
    const burst = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    await sleep(1_000);
    await system.service('relay').stop();
    await system.restart('relay');
    const readyAt = performance.now();
    const back = async () => (await connections()).filter(count => count > 1).length;
    await waitFor(async () => (await back()) >= CLIENTS * 0.95, {
      what: '95 % to be back',
      timeoutMs: 60_000,
      everyMs: 100,
    });
    const backMs = Math.round(performance.now() - readyAt);
    await burst;
    const verdict = await judge(system, crowds, { healingSince: readyAt });
    const { problems, ...figures } = verdict;
    await report({
      ...{ fault: 'R8 drain', load: `${PER_SECOND}/s, ${CLIENTS} clients`, seconds: SECONDS },
      ...{
        ...figures,
        note: `95 % back after ${backMs} ms, goal ${BACK_GOAL_MS}: ${backMs <= BACK_GOAL_MS ? 'met' : 'missed'}`,
      },
    });
    expectNothingLost(verdict);
  },
  limitOf(SECONDS),
);
