import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type ClientCrowd, createClientCrowd } from '../../harness/client-crowd.ts';
import { inheritedEnvironment } from '../../harness/processes.ts';
import { createTestRedis } from '../../harness/redis.ts';
import { type System, startSystem } from '../../harness/system.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { extent, limitOf } from '../extent.ts';
import { playBurst } from '../load.ts';
import { report } from '../row.ts';
import { expectNothingLost, judge } from '../verdict.ts';

/**
 * The jitter method: every client's TCP is cut again and again and stays away for two seconds, while events go on. Must
 * hold: each gets every entry once, by itself. Socket.IO with its adapter on Redis streams and connection-state recovery
 * goes through the same cuts, for comparison: it is printed and not judged.
 */
const CLIENTS = extent({ quick: 20, full: 200 });
const SECONDS = extent({ quick: 10, full: 120 });
const PER_SECOND = 100;
const jitter = extent({
  quick: { everyMs: 3_000, offlineMs: 2_000 },
  full: { everyMs: 15_000, offlineMs: 2_000 },
});
const load = `${PER_SECOND}/s, ${CLIENTS} clients, cut every ${jitter.everyMs / 1_000} s`;
const SETTLE_MS = 15_000;

let system: System | undefined;
let crowds: ClientCrowd[] = [];
let server: ChildProcess | undefined;

afterEach(async () => {
  await Promise.all(crowds.splice(0).map(crowd => crowd.stop()));
  await system?.stop();
  system = undefined;
  server?.kill('SIGKILL');
});

const allConnected = () =>
  waitFor(
    async () =>
      (await Promise.all(crowds.map(crowd => crowd.accounts()))).flat().every(({ connections }) => connections > 0),
    { what: 'all to be connected', timeoutMs: 60_000, everyMs: 100 },
  );

test(
  'clients whose connection is cut again and again get everything once',
  async () => {
    const on = await startSystem();
    system = on;
    const common = { relayUrls: [on.relayUrl], apiKey: on.apiKey, size: CLIENTS / 2, isKeeping: true, jitter };
    crowds = [createClientCrowd(common), createClientCrowd({ ...common, kind: 'library' })];
    await allConnected();
    await playBurst(on, { seconds: SECONDS, perSecond: PER_SECOND });
    const verdict = await judge(on, crowds, { healingSince: performance.now() });
    const { problems, ...figures } = verdict;
    await report({ fault: 'jitter: the relay', load, seconds: SECONDS, ...figures });
    expectNothingLost(verdict);
  },
  limitOf(SECONDS),
);

test(
  'Socket.IO through the same cuts, for comparison',
  async () => {
    const redis = await createTestRedis();
    const child = fork(
      fileURLToPath(new URL('../socket-io/socket-io-server.ts', import.meta.url)),
      [redis.url, `socket-io-${redis.pbxId}`],
      { env: inheritedEnvironment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    server = child;
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const relayUrls = [`http://127.0.0.1:${port}`];
    crowds = [createClientCrowd({ relayUrls, apiKey: '', size: CLIENTS, kind: 'socket-io', isKeeping: true, jitter })];
    await allConnected();
    child.send({ seconds: SECONDS, perSecond: PER_SECOND });
    const [{ sent }] = (await once(child, 'message')) as [{ sent: number }];
    const doneAt = performance.now();
    const [crowd] = crowds;
    if (!crowd) throw new Error('there is no crowd');
    const all = async () => (await crowd.accounts()).every(({ lastSeq }) => lastSeq >= sent);
    await waitFor(all, { what: 'all at the end', timeoutMs: SETTLE_MS, everyMs: 200 }).catch(() => undefined);
    const healMs = Math.round(performance.now() - doneAt);
    await sleep(jitter.offlineMs);
    let [delivered, missing, duplicated] = [0, 0, 0];
    for (let index = 0; index < CLIENTS; index += 1) {
      const items = await crowd.items(index);
      const numbers = items.filter((_, i) => i % 2 === 0);
      const distinct = new Set(numbers).size;
      delivered += numbers.length;
      duplicated += numbers.length - distinct;
      missing += sent - distinct;
    }
    const told = { sent, logged: null, delivered, duplicated, missing, gaps: 0, healMs };
    await report({
      ...{ fault: 'jitter: Socket.IO', load, seconds: SECONDS, ...told },
      ...{ note: 'for comparison', isOfPeer: true },
    });
    expect(delivered).toBeGreaterThan(0);
  },
  limitOf(SECONDS),
);
