import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds, createClientCrowd } from '../harness/client-crowd.ts';
import { createFalseClock, type FalseClock } from '../harness/false-clock.ts';
import { createSmallDisk, type SmallDisk } from '../harness/small-disk.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import { extent, limitOf } from './extent.ts';
import { playBurst } from './load.ts';
import { allReady, healthOf, reasonsOf } from './redness.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R10. Ingest's clock goes back an hour; the disk of Redis and of the spool is full; the log reaches its budget while
 * PostgreSQL is away. Must hold: order and numbers do not follow the clock; nothing is corrupted, what is acknowledged
 * survives and what is not waits; an error of severity critical says what to do; what must be given up is given up from the
 * oldest on, and who comes for it is told how many are gone.
 */
const CLIENTS = 10;
const PER_SECOND = extent({ quick: 1_000, full: 2_000 });
const SECONDS = extent({ quick: 2, full: 10 });
const DISK_MB = extent({ quick: 64, full: 256 });
const HOUR_S = 3_600;
const MIB = 1024 * 1024;
/** Well below what the events of the last test take (300 bytes each): what came before them is persisted, and goes. */
const BUDGET_MB = extent({ quick: 1, full: 3 });

let system: System;
let disk: SmallDisk | null = null;
let clock: FalseClock | null = null;
/** The worker's way to PostgreSQL. */
let way: TcpProxy | undefined;
const own: Partial<Record<string, Record<string, string>>> = {};
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  [disk, clock] = await Promise.all([createSmallDisk(DISK_MB), createFalseClock()]);
  own.ingest = clock?.env ?? {};
  system = await startSystem(
    {},
    {
      engine: 'single',
      ...(disk ? { dir: disk.dir } : {}),
      async route(name, { DATABASE_URL = '' }): Promise<Record<string, string>> {
        if (name !== 'worker') return own[name] ?? {};
        way ??= await startTcpProxy(DATABASE_URL);
        return { DATABASE_URL: way.url, ...own.worker };
      },
    },
  );
  const { relayUrl, apiKey } = system;
  crowds = createBothCrowds({ relayUrls: [relayUrl], apiKey, size: CLIENTS });
});

afterAll(async () => {
  await Promise.all(crowds.map(crowd => crowd.stop()));
  await system?.stop();
  await way?.stop();
  await disk?.remove();
  await clock?.remove();
});

const load = `${PER_SECOND}/s, ${CLIENTS} clients`;

/** Messages of severity critical in the channel of errors. */
async function criticalErrors(): Promise<string[]> {
  const entries = await system.redis.xrange(system.keys.log('errors'), '-', '+');
  return entries
    .map(([, fields]) => fields.find(field => field.startsWith('{')) ?? '')
    .filter(body => body.includes('"critical"'));
}

test(
  'a clock that goes back an hour changes no order and loses nothing',
  async context => {
    if (!clock) {
      console.warn('NOT TESTED: the clock is not set back, because libfaketime is not there and apt may not be used');
      return context.skip();
    }
    const burst = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    await sleep((SECONDS * 1_000) / 2);
    await clock.setBack(HOUR_S);
    await burst;
    const verdict = await judge(system, crowds);
    const [last] = await system.redis.xrevrange(system.keys.log('calls'), '+', '-', 'COUNT', 1);
    const at = Number(last?.[1][last[1].indexOf('at') + 1]);
    expect(Date.now() - at).toBeGreaterThan((HOUR_S - 60) * 1_000);
    await clock.setBack(0);
    const { problems, ...figures } = verdict;
    await report({ fault: 'R10 clock back 1 h', load, seconds: SECONDS, ...figures });
    expectNothingLost(verdict);
    await allReady(system);
  },
  limitOf(SECONDS),
);

test(
  'a full disk corrupts nothing: what was acknowledged is there, the rest waits, and an error says where to look',
  async context => {
    if (!disk) {
      console.warn('NOT TESTED: the disk is not filled, because only root may mount a small one');
      return context.skip();
    }
    await disk.fill(MIB);
    const burst = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    const isDown = async () => (await healthOf(system.relayUrl)).status === 'down';
    await waitFor(isDown, { what: 'Redis to be away', timeoutMs: SECONDS * 1_000 + 10_000 });
    await burst;
    // Both at once: a machine that stands still for some seconds finds everything silent for a moment.
    const isAway = async () => {
      const [{ status }, reasons] = await Promise.all([healthOf(system.relayUrl), reasonsOf(system, 'ingest')]);
      const away = { status: 'down', reasons: expect.stringContaining('spooling') };
      expect({ status, reasons: reasons.join() }).toEqual(away);
      return true;
    };
    await waitFor(isAway, { what: 'Redis still to be away, and ingest to say that it spools' });
    for (const name of ['ingest', 'relay', 'worker'] as const) expect(system.service(name).isAlive()).toBe(true);
    await disk.makeRoom();
    const healingSince = performance.now();
    await (await system.killRedis())();
    const verdict = await judge(system, crowds, { healingSince });
    const { problems, ...figures } = verdict;
    await report({ fault: 'R10 disk full', load, seconds: SECONDS, ...figures });
    expectNothingLost(verdict);
    await waitFor(async () => (await criticalErrors()).some(text => /SPOOL_DIR and its disk/.test(text)), {
      what: 'an error that says which disk',
    });
  },
  limitOf(SECONDS),
);

test(
  'a log that reaches its budget gives up its oldest, says so, and whoever comes for it is told how many',
  async () => {
    own.worker = { LOG_MAX_BYTES: String(BUDGET_MB * MIB) };
    await system.service('worker').stop();
    await system.restart('worker');
    await way?.cut();
    await playBurst(system, { seconds: SECONDS * 3, perSecond: PER_SECOND });
    await waitFor(async () => (await criticalErrors()).some(text => /oldest entries of .{0,2}calls/.test(text)), {
      what: 'an error that says that calls were given up',
      timeoutMs: 60_000,
      everyMs: 200,
    });
    const { apiKey, relayUrl } = system;
    const head = Number(await system.redis.hget(system.keys.meta('calls'), 'seq'));
    for (const crowd of crowds) {
      await waitFor(async () => (await crowd.accounts()).every(({ lastSeq }) => lastSeq >= head), {
        what: 'everybody who was there to have everything',
        timeoutMs: 30_000,
      });
    }
    // What a relay still has in memory it tells to everybody: another one has only what the log has.
    await system.crash('relay');
    // One that had the first entry: whoever begins with the oldest there is has missed nothing.
    const epochs = await system.redis.hget(system.keys.meta('calls'), 'epochs');
    const after = `${epochs?.split(':')[0]}_${'1'.padStart(16, '0')}`;
    const late = createClientCrowd({ relayUrls: [relayUrl], apiKey, size: 1, after });
    crowds.push(late);
    await way?.restore();
    const healingSince = performance.now();
    await waitFor(async () => ((await late.accounts())[0]?.lastSeq ?? 0) >= head, { what: 'the late one at the head' });
    const present = (await Promise.all(crowds.slice(0, 2).map(crowd => crowd.accounts()))).flat();
    for (const account of present) expect(account.ownGaps).toEqual([]);
    const [account] = await late.accounts();
    const told = (account?.ownGaps ?? []).map(text => JSON.parse(text) as { reason: string; lost: number });
    const lost = told.reduce((sum, gap) => sum + gap.lost, 0);
    await report({
      ...{ fault: 'R10 log budget reached', load, seconds: SECONDS * 3, sent: null, logged: head },
      delivered: present.reduce((sum, { received }) => sum + received, account?.received ?? 0),
      ...{ duplicated: 0, missing: 0, gaps: told.length, healMs: Math.round(performance.now() - healingSince) },
      note: `${lost} given up and told`,
    });
    expect(told.map(({ reason }) => reason)).toContain('retention');
    expect(lost + (account?.received ?? 0)).toBe((account?.lastSeq ?? 0) - 1);
  },
  limitOf(SECONDS * 3),
);
