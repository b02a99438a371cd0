import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCrowd, createClientCrowd } from '../../harness/client-crowd.ts';
import { type System, startSystem } from '../../harness/system.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { extent, limitOf } from '../extent.ts';
import { playBurst } from '../load.ts';
import { report } from '../row.ts';

/**
 * An hour of load and nothing goes wrong; `SOAK_SECONDS` for another time. Must hold: nothing grows but what is meant to.
 * Memory and open files of each process, Redis' memory beyond the log's budget, connections to PostgreSQL and the delay of
 * the event loops are at the end what they were after the first third; each client has everything once.
 */
const SECONDS = Number(process.env.SOAK_SECONDS ?? extent({ quick: 20, full: 3_600 }));
const PER_SECOND = extent({ quick: 300, full: 1_000 });
const CLIENTS = extent({ quick: 20, full: 200 });
const BUDGET_BYTES = 512 * 1024 * 1024;
const LOOKS = 30;
const MIB = 1024 * 1024;
/** What a process may have more than in the second third: heaps breathe. */
const GROWTH = { residentMb: 60, files: 20, share: 1.2, connections: 4, delayMs: 50 };
const NAMES = ['ingest', 'relay', 'worker'] as const;

type Look = { redisMb: number; connections: number } & Record<(typeof NAMES)[number], ProcessLook>;
type ProcessLook = { residentMb: number; files: number; delayMs: number };

let system: System;
let crowd: ClientCrowd;

beforeAll(async () => {
  system = await startSystem({ LOG_MAX_BYTES: String(BUDGET_BYTES) });
  const { relayUrl, apiKey } = system;
  crowd = createClientCrowd({ relayUrls: [relayUrl], apiKey, size: CLIENTS });
});

afterAll(async () => {
  await crowd?.stop();
  await system?.stop();
});

async function lookAt(name: (typeof NAMES)[number]): Promise<ProcessLook> {
  const { pid, internalUrl } = system.service(name);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const metrics = await (await fetch(`${internalUrl}/metrics`)).text();
  const delay = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)/m.exec(metrics)?.[1];
  return {
    residentMb: Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024),
    files: (await readdir(`/proc/${pid}/fd`)).length,
    delayMs: Math.round(Number(delay) * 1_000),
  };
}

async function look(): Promise<Look> {
  const [ingest, relay, worker] = await Promise.all([lookAt('ingest'), lookAt('relay'), lookAt('worker')]);
  const memory = /used_memory:(\d+)/.exec(await system.redis.info('memory'))?.[1];
  const { rows } = await system.postgres.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()',
  );
  return { redisMb: Math.round(Number(memory) / MIB), connections: rows[0]?.n ?? 0, ingest, relay, worker };
}

/** The largest of each in a part of the looks. */
function peakOf(looks: readonly Look[], read: (look: Look) => number): number {
  return Math.max(...looks.map(read));
}

test(
  'under steady load nothing grows, and everybody has everything',
  async () => {
    const burst = playBurst(system, { seconds: SECONDS, perSecond: PER_SECOND });
    const looks: Look[] = [];
    for (let i = 0; i < LOOKS; i += 1) {
      await sleep((SECONDS * 1_000) / LOOKS);
      looks.push(await look());
    }
    await burst;
    const doneAt = performance.now();
    const head = async () => Number(await system.redis.hget(system.keys.meta('calls'), 'seq'));
    await waitFor(async () => (await head()) >= SECONDS * PER_SECOND, { what: 'all to be logged', timeoutMs: 60_000 });
    const last = await head();
    await waitFor(async () => (await crowd.accounts()).every(({ lastSeq }) => lastSeq >= last), {
      what: 'all to have everything',
      timeoutMs: 60_000,
    });
    const accounts = await crowd.accounts();
    const [middle, end] = [looks.slice(LOOKS / 3, (LOOKS * 2) / 3), looks.slice((LOOKS * 2) / 3)];
    const [lastLook] = looks.slice(-1);
    await report({
      fault: 'soak',
      load: `${PER_SECOND}/s, ${CLIENTS} clients`,
      seconds: SECONDS,
      ...{ sent: SECONDS * PER_SECOND, logged: last, healMs: Math.round(performance.now() - doneAt) },
      delivered: accounts.reduce((sum, { received }) => sum + received, 0),
      ...{ duplicated: 0, missing: 0, gaps: accounts.flatMap(({ ownGaps }) => ownGaps).length },
      note: JSON.stringify(lastLook),
    });
    for (const account of accounts) {
      const { firstSeq, lastSeq } = account;
      expect(account).toMatchObject({ connections: 1, breaks: [], ownGaps: [], received: lastSeq - firstSeq + 1 });
    }
    for (const name of NAMES) {
      const grown = (read: (look: ProcessLook) => number) =>
        peakOf(end, each => read(each[name])) - peakOf(middle, each => read(each[name]));
      const before = peakOf(middle, each => each[name].residentMb);
      const room = Math.max(GROWTH.residentMb, before * (GROWTH.share - 1));
      expect(
        grown(({ residentMb }) => residentMb),
        `memory of ${name}, MB`,
      ).toBeLessThan(room);
      expect(
        grown(({ files }) => files),
        `open files of ${name}`,
      ).toBeLessThan(GROWTH.files);
      expect(
        grown(({ delayMs }) => delayMs),
        `event loop delay of ${name}, ms`,
      ).toBeLessThan(GROWTH.delayMs);
    }
    expect(peakOf(end, each => each.redisMb)).toBeLessThan((BUDGET_BYTES / MIB) * GROWTH.share + 100);
    const connections = [middle, end].map(part => peakOf(part, each => each.connections));
    expect((connections[1] ?? 0) - (connections[0] ?? 0)).toBeLessThan(GROWTH.connections);
  },
  limitOf(SECONDS),
);
