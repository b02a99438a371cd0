import { setTimeout as sleep } from 'node:timers/promises';
import { decodeErrorEvent } from '@3cx-relay/shared/errors/error-event.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../harness/wait-for.ts';
import type { Way } from '../integration/fixtures/tcp-proxy.ts';
import { extent, isFull, limitOf } from './extent.ts';
import { type Fire, lightFire, type PartName } from './fire/fire.ts';
import { report } from './row.ts';

/**
 * R3, and what R1 leaves out: every channel is written to by a writer that says what was acknowledged, and copied by two
 * workers. PostgreSQL is away for minutes, stands still with its connections open, and is badly connected with one worker
 * and with both; then whatever can die does. Must hold: the lag grows and goes to nothing by itself under load, nothing
 * was given up; each channel's rows equal its log, the log has what was acknowledged under its number and nothing twice;
 * errors, usage and audit add up. `UNDER_FIRE_SEED` plays the same kills again.
 */
const PER_SECOND = extent({ quick: 600, full: 1_000 });
const AWAY_SECONDS = extent({ quick: 4, full: 300 });
const FROZEN_SECONDS = extent({ quick: 3, full: 60 });
const BAD_MS = extent({ quick: 500, full: 15_000 });
/** So long that a worker finds out by itself that nobody is behind its connections; otherwise they are cut before. */
const HALF_OPEN_MS = extent({ quick: 500, full: 45_000 });
const SECONDS = extent({ quick: 6, full: 300 });
const SEED = Number(process.env.UNDER_FIRE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const KILL_EVERY_MS = 1_500;
const BAD_SECONDS = (2 * (4 * BAD_MS + HALF_OPEN_MS)) / 1_000;
const CATCH_UP_MS = 120_000 + 1_000 * SECONDS;

let fire: Fire | undefined;

afterEach(async () => {
  await fire?.stop();
  fire = undefined;
});

test(
  'PostgreSQL away, frozen and badly connected under load, then all of them killed at random: it ends as the log',
  async () => {
    const burning = await lightFire(PER_SECOND);
    fire = burning;
    await playAway(burning);
    await playFrozen(burning);
    await playBadWays(burning);
    await playKills(burning);
    await burning.parts.writer.kill();
    const healMs = await caughtUp(burning);
    const logs = await waitFor(() => whileWorkersStandStill(burning, () => expectTheSame(burning)), {
      what: 'PostgreSQL to be the same as the log',
      timeoutMs: 30_000,
      everyMs: 1_000,
    });
    expect((await burning.pool.query('SELECT 1 FROM log_gaps')).rows).toEqual([]);
    const sum = (counts: Iterable<{ size: number } | { length: number }>) =>
      [...counts].reduce((total, each) => total + ('size' in each ? each.size : each.length), 0);
    await report({
      fault: 'R3 PostgreSQL gone, frozen, badly connected, then all of them killed',
      load: `${PER_SECOND}/s, 5 channels, 2 workers`,
      seconds: AWAY_SECONDS + FROZEN_SECONDS + BAD_SECONDS + SECONDS,
      ...{ sent: sum(burning.acknowledged.values()), logged: sum(logs.values()), delivered: null },
      ...{ duplicated: 0, missing: 0, gaps: 0, healMs, note: `UNDER_FIRE_SEED=${SEED}` },
    });
  },
  limitOf(2 * (AWAY_SECONDS + FROZEN_SECONDS) + BAD_SECONDS + SECONDS) + CATCH_UP_MS,
);

async function playAway(burning: Fire): Promise<void> {
  await burning.parts.postgres.kill();
  await sleep(AWAY_SECONDS * 1_000);
  await lagToGrow(burning, AWAY_SECONDS / 3);
  await burning.parts.postgres.start();
  await lagToGo(burning);
}

async function playFrozen(burning: Fire): Promise<void> {
  const thaw = burning.freezePostgres();
  try {
    await sleep(FROZEN_SECONDS * 1_000);
    await lagToGrow(burning, FROZEN_SECONDS / 3);
  } finally {
    thaw();
  }
  await lagToGo(burning);
}

async function playBadWays(burning: Fire): Promise<void> {
  for (const bad of [burning.ways.slice(0, 1), burning.ways]) {
    const hamper = (way: Way) => {
      for (const each of bad) each.hamper(way);
    };
    hamper({ latencyMs: 150 });
    await sleep(BAD_MS);
    hamper({ bytesPerSecond: 40_000 });
    await sleep(BAD_MS);
    hamper({});
    for (const way of bad) way.freeze();
    await sleep(BAD_MS);
    await Promise.all(bad.map(way => way.restore()));
    // Enough to sign in and for a few answers: some break off where a COMMIT was sent.
    hamper({ cutAfterBytes: 6_000 });
    await sleep(BAD_MS);
    hamper({});
    for (const way of bad) way.leaveHalfOpen();
    await sleep(HALF_OPEN_MS);
    if (!isFull) for (const way of bad) way.cutConnections();
    await lagToGo(burning);
  }
}

async function lagToGrow(burning: Fire, seconds: number): Promise<void> {
  await waitFor(async () => (await lagOf(burning)) > seconds, {
    what: 'the lag to grow',
    timeoutMs: 60_000,
    everyMs: 200,
  });
}

async function lagToGo(burning: Fire): Promise<void> {
  await waitFor(async () => (await lagOf(burning)) < 3, {
    what: 'the lag to be gone, under load',
    timeoutMs: CATCH_UP_MS + AWAY_SECONDS * 1_000,
    everyMs: 200,
  });
}

async function playKills(burning: Fire): Promise<void> {
  const random = seeded(SEED);
  const until = Date.now() + SECONDS * 1_000;
  const names = Object.keys(burning.parts) as PartName[];
  while (Date.now() < until) {
    await sleep(random() * KILL_EVERY_MS);
    const name = names[Math.floor(random() * names.length)] ?? 'writer';
    await burning.parts[name].kill();
    await sleep(random() * 500);
    await burning.parts[name].start();
  }
}

/** Milliseconds until PostgreSQL has everything, the workers' own words included. */
async function caughtUp(burning: Fire): Promise<number> {
  const startedAt = Date.now();
  await waitFor(() => isCaughtUp(burning), {
    what: 'PostgreSQL to have everything',
    timeoutMs: CATCH_UP_MS,
    everyMs: 100,
  });
  return Date.now() - startedAt;
}

async function isCaughtUp({ redis, keys, pool }: Fire): Promise<boolean> {
  const { rows } = await pool.query<{ channel: Channel; seq: number }>('SELECT channel, seq::int FROM log_positions');
  const heads = await Promise.all(rows.map(({ channel }) => redis.hget(keys.meta(channel), 'seq')));
  return rows.every(({ seq }, index) => seq === Number(heads[index] ?? 0));
}

/**
 * A worker may just have said something of itself, which is on its way: then it is false. To compare takes all that this
 * process has, and their ways to PostgreSQL lead through it: they would complain, which is in the log again.
 */
async function whileWorkersStandStill<Result>(burning: Fire, look: () => Promise<Result>): Promise<Result | false> {
  const thaws = ([0, 1] as const).map(index => burning.worker(index).freeze());
  try {
    return (await isCaughtUp(burning)) && (await look());
  } finally {
    for (const thaw of thaws) thaw();
  }
}

async function lagOf({ worker }: Fire): Promise<number> {
  const first = worker(0);
  if (!first.isAlive()) expect.unreachable(`a worker that nobody killed has ended:\n${first.output()}`);
  const metrics = await (await fetch(`${first.internalUrl}/metrics`)).text();
  return Number(/relay_persist_lag_seconds\{[^}]*channel="calls"[^}]*\} (\S+)/.exec(metrics)?.[1]);
}

async function expectTheSame(burning: Fire): Promise<ReadonlyMap<Channel, readonly LogEntry[]>> {
  const logs = new Map<Channel, LogEntry[]>();
  for (const channel of CHANNELS) {
    const log = await readLog(burning, channel);
    logs.set(channel, log);
    expectAcknowledged(log, burning.acknowledged.get(channel) ?? new Map());
    expect(differences(log, await readRows(burning, channel))).toEqual([]);
  }
  await expectErrors(burning, logs.get('errors') ?? []);
  await expectUsage(burning, logs.get('requests') ?? []);
  const lines = await burning.pool.query("SELECT count(*)::int AS n FROM error_log WHERE channel = 'audit'");
  expect(lines.rows).toEqual([{ n: logs.get('audit')?.length }]);
  expect((await burning.pool.query('SELECT target, reason FROM dead_letters')).rows).toEqual([]);
  return logs;
}

async function readLog({ redis, keys }: Fire, channel: Channel): Promise<LogEntry[]> {
  const epochs = parseEpochs(await redis.hget(keys.meta(channel), 'epochs'));
  const log: LogEntry[] = [];
  for (;;) {
    const from = (log.at(-1)?.seq ?? 0) + 1;
    const page = await readPage({ redis, keys, epochs }, { channel, from, to: Number.MAX_SAFE_INTEGER, count: 10_000 });
    log.push(...page);
    if (page.length < 10_000) return log;
  }
}

async function readRows({ pool }: Fire, channel: Channel): Promise<LogEntry[]> {
  const rows: LogEntry[] = [];
  for (;;) {
    const page = await pool.query<LogEntry>(
      `SELECT channel, epoch, seq::float8 AS seq, type, (extract(epoch FROM at) * 1000)::float8 AS at, body::text AS body,
        dn, call_id AS call, event
      FROM events WHERE channel = $1 AND (epoch, seq) > ($2, $3) ORDER BY epoch, seq LIMIT 20000`,
      [channel, rows.at(-1)?.epoch ?? '', rows.at(-1)?.seq ?? 0],
    );
    rows.push(...page.rows);
    if (page.rows.length < 20_000) return rows;
  }
}

/** Every acknowledged entry stands under its number, every entry of a writer once, and no number is missing. */
function expectAcknowledged(log: readonly LogEntry[], acknowledged: ReadonlyMap<number, string>): void {
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
  const seen = new Set<string>();
  const doubled: string[] = [];
  for (const { body } of log) {
    const mark = markIn(body);
    if (mark !== null && seen.has(mark)) doubled.push(mark);
    if (mark !== null) seen.add(mark);
  }
  expect(doubled).toEqual([]);
  const missing = [...acknowledged].filter(([seq, mark]) => markIn(log[seq - 1]?.body ?? '') !== mark);
  expect(missing).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(0);
}

function markIn(body: string): string | null {
  return /"(?:mark|client|target)":"([0-9a-f]{8}-\d+)"/.exec(body)?.[1] ?? null;
}

function differences(log: readonly LogEntry[], rows: readonly LogEntry[]): string[] {
  const length = Math.max(log.length, rows.length);
  const lines = Array.from({ length }, (_, index) => [
    JSON.stringify(inOrder(log[index])),
    JSON.stringify(inOrder(rows[index])),
  ]);
  return lines
    .filter(([entry, row]) => entry !== row)
    .map(([entry, row]) => `${entry} is ${row}`)
    .slice(0, 10);
}

function inOrder(entry: LogEntry | undefined): unknown[] {
  if (!entry) return [];
  return [entry.epoch, entry.seq, entry.type, Math.round(entry.at), entry.dn, entry.call, entry.event, entry.body];
}

async function expectErrors({ pool }: Fire, log: readonly LogEntry[]): Promise<void> {
  const counts: Record<string, number> = {};
  for (const entry of log) {
    const event = decodeErrorEvent(entry);
    if (event?.kind !== 'occurrence') continue;
    counts[event.fingerprint] = (counts[event.fingerprint] ?? 0) + 1 + event.suppressed;
  }
  const { rows } = await pool.query<{ fingerprint: string; n: number }>(
    "SELECT fingerprint, sum(count)::int AS n FROM error_log WHERE channel = 'errors' GROUP BY 1",
  );
  expect(Object.fromEntries(rows.map(({ fingerprint, n }) => [fingerprint, n]))).toEqual(counts);
}

async function expectUsage({ pool }: Fire, log: readonly LogEntry[]): Promise<void> {
  const sums: Record<string, [requests: number, bytes: number, ms: number]> = {};
  for (const { body } of log) {
    const { data } = JSON.parse(body) as { data: { keyId: number; status: number; bytes: number; durationMs: number } };
    const key = `${data.keyId} ${data.status}`;
    const [requests, bytes, ms] = sums[key] ?? [0, 0, 0];
    sums[key] = [requests + 1, bytes + data.bytes, ms + data.durationMs];
  }
  const usage = await pool.query<{ key: string; sums: [number, number, number] }>(`
    SELECT api_key_id || ' ' || status AS key, ARRAY[sum(requests), sum(bytes), sum(duration_ms)]::float8[] AS sums
    FROM api_usage_hours GROUP BY 1`);
  expect(Object.fromEntries(usage.rows.map(row => [row.key, row.sums]))).toEqual(sums);
  const { rows } = await pool.query<{ key: string; n: number }>(
    "SELECT api_key_id || ' ' || status_code AS key, count(*)::int AS n FROM api_requests GROUP BY 1",
  );
  const requests = Object.entries(sums).map(([key, [count]]) => [key, count]);
  expect(Object.fromEntries(rows.map(({ key, n }) => [key, n]))).toEqual(Object.fromEntries(requests));
}

/** Mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
