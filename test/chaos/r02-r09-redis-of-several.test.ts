import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds } from '../harness/client-crowd.ts';
import { entriesLogged } from '../harness/ledger.ts';
import { type RedisEngineName, redisEngineName } from '../harness/redis-engine.ts';
import { type AnotherService, type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { extent, isFull, limitOf } from './extent.ts';
import { playBurst } from './load.ts';
import { report } from './row.ts';
import { expectNothingLost, judge } from './verdict.ts';

/**
 * R9, and the last of R2. Two relays and two workers on Sentinels and on a Cluster; one of each dies, and the master; the
 * keys of a Cluster move to another master and back.
 * Must hold: whichever relay a client comes back at, it gets each entry once; PostgreSQL equals the log; a master that takes
 * its tail with it makes a new epoch and a gap that says how many are missing, and no number is given out twice.
 */
const SECONDS = extent({ quick: 6, full: 60 });
const PER_SECOND = extent({ quick: 300, full: 500 });
const CLIENTS = extent({ quick: 10, full: 100 });
/** `TEST_REDIS` takes its own. */
const named = redisEngineName();
const ENGINES: readonly RedisEngineName[] = named === 'single' ? ['sentinel', 'cluster'] : [named];

let system: System;
let relay: AnotherService;
let worker: AnotherService;
let crowds: ClientCrowd[] = [];

describe.each(ENGINES)('on %s', engine => {
  beforeEach(async () => {
    system = await startSystem({}, { engine });
    [relay, worker] = await Promise.all([system.startAnother('relay'), system.startAnother('worker')]);
    crowds = createBothCrowds({ relayUrls: [system.relayUrl, relay.url], apiKey: system.apiKey, size: CLIENTS });
  });

  afterEach(async () => {
    await Promise.all(crowds.map(crowd => crowd.stop()));
    await system?.stop();
  });

  test(
    'the master and one of each die under load, the keys of a Cluster move, and a master was alone with its newest',
    async () => {
      const load = `${PER_SECOND}/s, ${CLIENTS} clients, 2 relays, 2 workers`;
      const burst = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
      await sleep(1_000);
      const startAgain = await system.killRedis();
      const crashes = Promise.all([relay.crash(), worker.crash(), startAgain()]);
      await burst;
      const healingSince = performance.now();
      await crashes;
      const verdict = await judge(system, crowds, { healingSince });
      const { problems, ...figures } = verdict;
      await report({ fault: `R9 ${engine}: master dies`, load, seconds: SECONDS, ...figures });
      expectNothingLost(verdict);
      expect(await missingMetrics(system)).toEqual([]);

      if (engine === 'cluster') await expectNothingLostWhenTheSlotMoves(load);
      // Of a Cluster a short run does not play what follows: it is the same code.
      if (engine === 'cluster' && !isFull) return;
      await system.redisEngine.stand?.cutReplication();
      const before = (await entriesLogged(system)).length;
      const copied = await headOf(system);
      const second = playBurst(system, { seconds: SECONDS / 2, perSecond: PER_SECOND });
      await waitFor(async () => (await headOf(system)) > copied, { what: 'the master to have what nobody else has' });
      await system.killRedis();
      await second;
      const healed = await judge(system, crowds, { healingSince: performance.now() });
      const { problems: _, ...told } = healed;
      await report({ fault: `R2 ${engine}: failover loses its tail`, load, seconds: SECONDS / 2, ...told });
      expectNothingLost(healed);
      await expectTruthfulGap(system, before);
    },
    limitOf(SECONDS * 2),
  );
});

/** Another master gets all keys while they are written, read and waited for, and the first gets them back. */
async function expectNothingLostWhenTheSlotMoves(load: string): Promise<void> {
  const seconds = SECONDS / 2;
  const burst = playBurst(system, { seconds, perSecond: PER_SECOND });
  const moveBack = await system.redisEngine.stand?.moveSlot?.();
  if (moveBack === undefined) throw new Error('this Redis has no slot that could move');
  await sleep(500);
  await moveBack();
  await burst;
  const verdict = await judge(system, crowds, { healingSince: performance.now() });
  const { problems, ...figures } = verdict;
  await report({ fault: 'R9 cluster: slot moves twice', load, seconds, ...figures });
  expectNothingLost(verdict);
}

async function headOf({ redis, keys }: System): Promise<number> {
  return Number(await redis.hget(keys.meta('calls'), 'seq'));
}

/** The numbers that the gap leaves out are as many as it says are lost, and they are not given to anything else. */
async function expectTruthfulGap(on: System, from: number): Promise<void> {
  const entries = (await entriesLogged(on)).slice(from);
  const gaps = entries.filter(({ type, body }) => type === 'gap' && body.includes('log_rolled_back'));
  expect(gaps).toHaveLength(1);
  const [gap] = gaps;
  if (!gap) return;
  const index = entries.indexOf(gap);
  const [before, after] = [entries[index - 1]?.id ?? '0', gap.id].map(id => Number.parseInt(id, 10));
  const { lost } = JSON.parse(gap.body) as { lost: number };
  expect(lost).toBeGreaterThan(0);
  if (index > 0) expect((after ?? 0) - (before ?? 0) - 1).toBe(lost);
}

/** What dashboards and alert rules ask for, and no service tells. */
async function missingMetrics(on: System): Promise<string[]> {
  const told = new Set<string>();
  for (const name of ['ingest', 'relay', 'worker'] as const) {
    const text = await (await fetch(`${on.service(name).internalUrl}/metrics`)).text();
    for (const [, metric = ''] of text.matchAll(/^# TYPE (\S+)/gm)) told.add(metric);
  }
  const asked = ['grafana/relay.json', 'grafana/ingest.json', 'grafana/worker.json', 'prometheus/alerts.yml'].flatMap(
    path => {
      const text = readFileSync(new URL(`../../install/${path}`, import.meta.url), 'utf8');
      return text.match(/\b(?:relay|nodejs|process)_[a-z0-9_]+/g) ?? [];
    },
  );
  expect(asked.length).toBeGreaterThan(60);
  // A histogram is asked for by its parts.
  const isTold = (name: string) => told.has(name) || told.has(name.replace(/_(bucket|count|sum)$/, ''));
  return [...new Set(asked)].filter(name => !isTold(name));
}
