import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClientCrowd, createBothCrowds } from '../harness/client-crowd.ts';
import { callsPlayed, foldEntries, judge, type PlayedCall, type ToldCall } from '../harness/ground-truth.ts';
import { entriesLogged, framesSent, type LoggedEntry } from '../harness/ledger.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import { extent, limitOf } from './extent.ts';
import { healthOf, msUntilRed } from './redness.ts';
import { report } from './row.ts';
import { expectNothingLost, judge as judgeDelivery } from './verdict.ts';

/**
 * R4. A working day of an office at many times its pace, and everything that can go wrong with the PBX in it. Must hold: every
 * call once, its outcome right, none open for ever; each outage is a gap with its true times; the state is right within two
 * seconds of the PBX's return; what the licence or a right forbids is said in words; clients get what the log has, once.
 */
const SECONDS = extent({ quick: 26, full: 420 });
/** Beside other tests time runs ten times as fast: half as many calls, of which each may be seen twice as late. */
const PACE = extent({
  quick: { timeScale: 0.1, callsPerMinute: 120, toleranceMs: 4_000 },
  full: { timeScale: 0.05, callsPerMinute: 250, toleranceMs: 2_000 },
});
const FAULT_EVERY_MS = extent({ quick: 2_000, full: 3_000 });
const CLIENTS = extent({ quick: 4, full: 10 });
const RECONCILED_WITHIN_MS = 2_000;
/** What is told of a call that was lost: what happened so long before and after it. */
const AROUND_MS = 10_000;

/** Each is over when the next one comes, except for what ends by itself. */
const FAULTS: readonly object[] = [
  { kind: 'drop', ms: 800 },
  { kind: 'close', code: 1012 },
  { kind: 'dead-sockets' },
  { kind: 'expire-token' },
  { kind: 'reject-upgrade', count: 2, status: 503 },
  { kind: 'garbage', count: 20 },
  { kind: 'garbage', count: 1, bytes: extent({ quick: 2, full: 10 }) * 1024 * 1024 },
  { kind: 'http-error', count: 30, status: 500, path: '/callcontrol' },
  { kind: 'http-error', count: 10, status: 503, path: '/xapi' },
  { kind: 'not-found', count: 10, path: '/callcontrol' },
  { kind: 'slow', count: 20, ms: 700, path: '/callcontrol' },
  { kind: 'database-down', ms: 1_500 },
  { kind: 'stall', ms: 2_000, answerPings: false },
  ...extent<readonly object[]>({
    quick: [],
    full: [
      { kind: 'close', code: 1006 },
      { kind: 'reject-upgrade', count: 4, status: 401 },
      { kind: 'hang-upgrade', count: 1 },
      { kind: 'storm', count: 300 },
    ],
  }),
];

let system: System;
/** Between ingest and the PBX. */
let way: TcpProxy | undefined;
let crowds: ClientCrowd[] = [];

beforeAll(async () => {
  system = await startSystem(
    {
      SIM_TIME_SCALE: String(PACE.timeScale),
      INGEST_RECONCILE_MS: '2000',
      INGEST_PING_MS: '300',
      INGEST_PONG_DEADLINE_MS: '1000',
      INGEST_RECORDS_DELAYS_MS: '500,2000,6000,12000',
      // So many calls between the same people must still be told apart.
      INGEST_RECORDS_TOLERANCE_MS: String(PACE.toleranceMs),
    },
    {
      async route(name, { PBX_URL = '' }): Promise<Record<string, string>> {
        if (name !== 'ingest') return {};
        way ??= await startTcpProxy(PBX_URL);
        return { PBX_URL: way.url.replace(/\/$/, '') };
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
});

test('a PBX that is gone without a word, and one whose answers drip, are noticed, told and left behind', async () => {
  const gaps = async () => (await entriesLogged(system)).filter(({ type }) => type === 'gap').length;
  const before = await gaps();
  way?.leaveHalfOpen();
  await waitFor(async () => (await gaps()) > before, { what: 'the gap of a silent end', everyMs: 50 });
  way?.hamper({ latencyMs: 100, bytesPerSecond: 4_000 });
  const callid = await begin('104');
  await activeCallsAre([callid]);
  way?.hamper({});
  await system.sim('POST', `/sim/calls/${callid}/hangup`, {});
  await activeCallsAre([]);
});

test('an outage is red at once, a licence that is missing is said in words, and the state is right soon after the return', async () => {
  const held = await Promise.all(['101', '102'].map(dn => begin(dn)));
  await activeCallsAre(held);
  await system.sim('POST', '/sim/faults', { kind: 'reject-upgrade', ms: 600_000, status: 403 });
  await system.sim('POST', '/sim/faults', { kind: 'drop' });
  await msUntilRed('the PBX in /relay/health', async () => {
    return (await healthOf(system.relayUrl)).components.pbx?.state !== 'up';
  });
  await waitFor(async () => /licence/.test(JSON.stringify(await healthOf(system.relayUrl, system.apiKey))), {
    what: 'health to name the licence',
  });
  // Meanwhile one call ends and another begins.
  await system.sim('POST', `/sim/calls/${held.shift()}/hangup`, {});
  held.push(await begin('103'));
  await system.sim('DELETE', '/sim/faults');
  await waitFor(async () => (await healthOf(system.relayUrl)).components.pbx?.state === 'up', { what: 'the PBX back' });
  const backAt = performance.now();
  await activeCallsAre(held);
  const healMs = Math.round(performance.now() - backAt);
  expect(healMs).toBeLessThan(RECONCILED_WITHIN_MS);
  for (const callid of held) await system.sim('POST', `/sim/calls/${callid}/hangup`, {});
  await activeCallsAre([]);
  await report({
    ...{ fault: 'R4 licence missing', load: '2 calls', seconds: 3, sent: null, logged: null, delivered: null },
    ...{ duplicated: 0, missing: 0, gaps: 1, healMs },
  });
});

async function begin(dn: string): Promise<number> {
  const call = { scenario: 'inbound', dn, ringMs: 2_000_000 };
  return (await system.sim<{ callid: number }>('POST', '/sim/calls', call)).callid;
}

async function activeCallsAre(callIds: readonly number[]): Promise<void> {
  await waitFor(
    async () => {
      const known = ((await activeCalls()) as { pbxCallId: number }[]).map(({ pbxCallId }) => pbxCallId);
      return known.length === callIds.length && callIds.every(id => known.includes(id));
    },
    { what: `the active calls to be ${callIds.join(', ') || 'none'}`, everyMs: 50 },
  );
}

test(
  'a day full of faults ends with the truth: every call once, its outcome right, every outage told',
  async () => {
    await system.sim('POST', '/sim/traffic', { callsPerMinute: PACE.callsPerMinute });
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
    const calmSince = performance.now();
    await waitFor(sendHome, { what: 'the last call to end', timeoutMs: 60_000, everyMs: 500 });
    await waitFor(async () => (await activeCalls()).length === 0, { what: 'the relay to see it', timeoutMs: 30_000 });
    const played = await callsPlayed(system);
    // Records come late, and are looked for a last time after twelve seconds.
    let judgedAt = '';
    const settled = async () => {
      const head = (await system.redis.hget(system.keys.meta('calls'), 'seq')) ?? '';
      if (head === judgedAt) return false;
      judgedAt = head;
      const { lost, wrong } = judge(played, foldEntries(await entriesLogged(system)));
      // What a restart cut may be lost for good: it is not waited for.
      return [...lost, ...wrong.map(({ call }) => call)].every(call => call.cut);
    };
    await waitFor(settled, {
      what: 'every call and its outcome in the log',
      timeoutMs: 40_000,
      everyMs: 1_000,
    }).catch(() => undefined);

    const entries = await entriesLogged(system);
    const told = foldEntries(entries);
    const verdict = judge(played, told);
    const cut = new Set(played.filter(call => call.cut));
    const wrong = verdict.wrong.filter(({ call }) => !cut.has(call));
    expect([...told.ends].filter(([, count]) => count !== 1)).toEqual([]);
    expect([...told.calls.keys()].filter(id => !told.ends.has(id))).toEqual([]);
    expect(told.open.size).toBe(0);
    expect(verdict.lost.filter(call => !cut.has(call)).map(call => aroundOf(call, entries, played))).toEqual([]);
    expect(verdict.invented.map(call => storyOf(call, entries, played))).toEqual([]);
    expect(wrong.map(({ call, told }) => [describePlayed(call), ...storyOf(told, entries, played)])).toEqual([]);
    expect(await outagesWithoutGap(entries)).toEqual([]);
    const delivery = await judgeDelivery(system, crowds, { healingSince: calmSince });
    const { problems, ...figures } = delivery;
    await report({
      fault: 'R4 a day of a PBX that misbehaves',
      load: `${PACE.callsPerMinute} calls/min, ${CLIENTS} clients`,
      seconds: SECONDS,
      ...figures,
      note: `${verdict.played} calls played, ${verdict.found} found, ${cut.size} cut by restarts`,
    });
    expectNothingLost(delivery);
  },
  limitOf(SECONDS),
);

/** The day is over: who talks hangs up, and who waits until a phone rings then. True when nobody is left. */
async function sendHome(): Promise<boolean> {
  const { active } = await system.sim<{ active: { callid: number; participants: unknown[] }[] }>('GET', '/sim/state');
  const talking = active.filter(({ participants }) => participants.length > 0);
  // One or the other has ended meanwhile.
  await Promise.allSettled(talking.map(({ callid }) => system.sim('POST', `/sim/calls/${callid}/hangup`, {})));
  return active.length === 0;
}

function describePlayed(call: PlayedCall): string {
  const { scenario, callid, dn, number, startedAt, endedAt, disposition, callHistoryId } = call;
  const [from, to] = [startedAt, endedAt].map(ms => new Date(ms).toISOString().slice(11, 23));
  return `${scenario} ${callid} ${dn} ${number} ${from}–${to} ${disposition} ${callHistoryId}`;
}

function describeTold(call: ToldCall): string {
  return `${call.callId} ${call.pbxCallId} ${call.direction} ${call.startedAt} ${call.disposition} ${call.cdr?.callHistoryId ?? 'no record'}`;
}

/** All that was told of a call, and which were played under the same number of the PBX. */
function storyOf(call: ToldCall, entries: readonly LoggedEntry[], played: readonly PlayedCall[]): string[] {
  return [
    describeTold(call),
    ...played.filter(({ callid }) => callid === call.pbxCallId).map(each => `played: ${describePlayed(each)}`),
    ...entries.filter(({ body }) => body.includes(`"${call.callId}"`)).map(({ id, body }) => `${id} ${body}`),
  ];
}

/** What happened to those who took part, and to the line, while a call was played that nobody told of. */
function aroundOf(call: PlayedCall, entries: readonly LoggedEntry[], played: readonly PlayedCall[]): string[] {
  const numbers = [call.dn, call.number];
  const isNear = (from: number, to: number) => from <= call.endedAt + AROUND_MS && to >= call.startedAt - AROUND_MS;
  const isTheirs = (other: PlayedCall) => numbers.includes(other.dn) || numbers.includes(other.number);
  return [
    describePlayed(call),
    ...played
      .filter(other => other !== call && isTheirs(other) && isNear(other.startedAt, other.endedAt))
      .map(other => `played: ${describePlayed(other)}`),
    ...entries
      .filter(({ type, body }) => type === 'gap' || numbers.some(number => body.includes(`"${number}"`)))
      .filter(({ body }) => {
        const { at, from = at, to = at } = JSON.parse(body) as { at: string; from?: string; to?: string };
        return isNear(Date.parse(from), Date.parse(to));
      })
      .map(({ id, body }) => `${id} ${body}`),
  ];
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
