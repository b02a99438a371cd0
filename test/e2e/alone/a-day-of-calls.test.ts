import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callsPlayed, foldEntries, judge, type PlayedCall, type ToldCall } from '../../harness/ground-truth.ts';
import { compare, entriesLogged, framesSent } from '../../harness/ledger.ts';
import { type System, startSystem } from '../../harness/system.ts';
import { waitFor } from '../../harness/wait-for.ts';

/**
 * A working day of an office in less than half a minute, and everything that can go wrong with the PBX in it. `E2E_DAY_SECONDS=600`
 * plays a longer one.
 */
const SECONDS = Number(process.env.E2E_DAY_SECONDS ?? 25);
const CALLS_PER_MINUTE = 250;
const FAULT_EVERY_MS = 3_000;

/** Each is over when the next one comes, except for what ends by itself. */
const FAULTS: readonly object[] = [
  { kind: 'drop', ms: 800 },
  { kind: 'close', code: 1012 },
  { kind: 'dead-sockets' },
  { kind: 'expire-token' },
  { kind: 'reject-upgrade', count: 2, status: 503 },
  { kind: 'garbage', count: 20 },
  { kind: 'garbage', count: 1, bytes: 2 * 1024 * 1024 },
  { kind: 'http-error', count: 30, status: 500, path: '/callcontrol' },
  { kind: 'http-error', count: 10, status: 503, path: '/xapi' },
  { kind: 'not-found', count: 10, path: '/callcontrol' },
  { kind: 'slow', count: 20, ms: 700, path: '/callcontrol' },
  { kind: 'database-down', ms: 1_500 },
];

let system: System;

beforeAll(async () => {
  system = await startSystem({
    SIM_TIME_SCALE: '0.05',
    INGEST_RECONCILE_MS: '2000',
    INGEST_PING_MS: '300',
    INGEST_PONG_DEADLINE_MS: '1000',
    INGEST_RECORDS_DELAYS_MS: '500,2000,6000,12000',
    // Time runs twenty times as fast: so many calls between the same people must still be told apart.
    INGEST_RECORDS_TOLERANCE_MS: '2000',
  });
});

afterAll(async () => {
  await system?.stop();
});

test(
  'a day full of faults ends with the truth: every call once, its outcome right, every outage told',
  async () => {
    await system.sim('POST', '/sim/traffic', { callsPerMinute: CALLS_PER_MINUTE });
    const until = Date.now() + SECONDS * 1_000;
    for (let i = 0; Date.now() < until; i += 1) {
      await system.sim('POST', '/sim/faults', FAULTS[i % FAULTS.length] ?? {});
      if (i % 7 === 6) {
        await sleep(FAULT_EVERY_MS / 2);
        await system.sim('POST', '/sim/restart');
      }
      await sleep(FAULT_EVERY_MS);
      await system.sim('DELETE', '/sim/faults');
    }
    await system.sim('POST', '/sim/traffic', { callsPerMinute: 0 });
    await waitFor(async () => (await system.sim<{ active: unknown[] }>('GET', '/sim/state')).active.length === 0, {
      what: 'the last call to end',
      timeoutMs: 60_000,
      everyMs: 200,
    });
    await waitFor(async () => (await activeCalls()).length === 0, { what: 'the relay to see it', timeoutMs: 30_000 });
    const played = await callsPlayed(system);
    // Records come late, and are looked for a last time after twelve seconds.
    const settled = async () => judge(played, foldEntries(await entriesLogged(system)));
    // What a restart cut may be lost for good: it is not waited for.
    await waitFor(async () => (await settled()).lost.every(call => call.cut), {
      what: 'every call in the log',
      timeoutMs: 40_000,
      everyMs: 1_000,
    }).catch(() => undefined);

    const entries = await entriesLogged(system);
    const told = foldEntries(entries);
    const verdict = judge(played, told);
    const cut = new Set(played.filter(call => call.cut));
    const wrong = verdict.wrong.filter(({ call }) => !cut.has(call));
    console.log(
      `${verdict.played} calls played, ${verdict.found} found, ${wrong.length} with another disposition, ` +
        `${verdict.lost.length} lost, ${verdict.invented.length} invented, ${cut.size} cut by a restart`,
    );
    expect([...told.ends].filter(([, count]) => count !== 1)).toEqual([]);
    expect([...told.calls.keys()].filter(id => !told.ends.has(id))).toEqual([]);
    expect(told.open.size).toBe(0);
    expect(verdict.lost.filter(call => !cut.has(call)).map(describePlayed)).toEqual([]);
    expect(verdict.invented.map(describeTold)).toEqual([]);
    expect(wrong.map(({ call, told }) => `${describePlayed(call)} was told as ${describeTold(told)}`)).toEqual([]);
    expect(compare(await framesSent(system), entries)).toMatchObject({ missing: [], unexpected: [] });
    expect(await outagesWithoutGap(entries)).toEqual([]);
  },
  SECONDS * 1_000 + 120_000,
);

function describePlayed(call: PlayedCall): string {
  const { scenario, callid, dn, number, startedAt, endedAt, disposition, callHistoryId } = call;
  const [from, to] = [startedAt, endedAt].map(ms => new Date(ms).toISOString().slice(11, 23));
  return `${scenario} ${callid} ${dn} ${number} ${from}–${to} ${disposition} ${callHistoryId}`;
}

function describeTold(call: ToldCall): string {
  return `${call.callId} ${call.direction} ${call.startedAt} ${call.disposition} ${call.cdr?.callHistoryId ?? 'no record'}`;
}

async function activeCalls(): Promise<unknown[]> {
  const answer = await fetch(`${system.relayUrl}/relay/active-calls`, { headers: { 'x-api-key': system.apiKey } });
  return ((await answer.json()) as { calls: unknown[] }).calls;
}

/** Frames nobody was there to get, and no gap whose times hold them. */
async function outagesWithoutGap(entries: Awaited<ReturnType<typeof entriesLogged>>): Promise<number[]> {
  const gaps = entries
    .filter(entry => entry.type === 'gap')
    .map(entry => JSON.parse(entry.body) as { from?: string; to: string })
    .map(({ from, to }) => ({ from: from ? Date.parse(from) : 0, to: Date.parse(to) }));
  const frames = await framesSent(system);
  return frames
    .filter(({ delivered, at }) => !delivered && !gaps.some(gap => gap.from <= at && at <= gap.to))
    .map(({ n }) => n);
}
