import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createTestDatabase } from '../harness/database.ts';
import { createLogFiller } from '../harness/log-filler.ts';
import { startService } from '../harness/processes.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { toCallEntry } from './call-entries.ts';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { NO_TARGET } from './frame/format-measures.ts';
import { cpuSeconds } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { quantile } from './frame/statistics.ts';
import { oursMedian } from './frame/targets.ts';
import { copyIn } from './load/copy-rows.ts';
import { createEvents } from './load/event.ts';
import { startPublisher } from './load/publisher.ts';
import { alwaysThere, type Peer } from './peers/peer.ts';
import { relay } from './peers/relay.ts';
import { relaySettings as profileSettings } from './slow-down/slow-down.ts';

/**
 * P6: persistence. How fast the worker copies a full log into PostgreSQL, and how far it is behind while 5,000 events a
 * second come in. Events of 300 bytes carry no call; entries of whole calls, which the worker reads to keep the calls up to
 * date, are measured beside them.
 *
 * Method. The log is filled first; then the worker is started as a process, with the PostgreSQL as it is in production
 * (fsync on). Its position in the database is read every 20 ms by another connection; the rate is that between the first
 * position seen and the last. Behind: a sender in another process publishes in an open loop, and at each look the age is
 * that of the oldest event that was to be sent by then and is not committed. Limits on the same server: the same rows by
 * one bare `COPY`, and by inserts of 500 rows in one JSON parameter, both into a bare table without indexes.
 */
const EVENT_BYTES = 300;
const LOOK_MS = 20;
const LAG_PER_SECOND = 5_000;
const INSERT_ROWS = 500;
const BARE_TABLE =
  'CREATE TABLE bare (seq bigint, type text, dn text, call_id text, event text, at timestamptz, body json)';

interface PersistRun {
  readonly rows: number;
  readonly perSecond: number;
  readonly cpuMsPerThousand: number;
}

interface LagRun {
  readonly rows: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const worker: Peer = { ...relay, name: 'worker' };
const bareCopy: Peer = { ...relay, name: 'COPY alone', role: 'limit', obtain: alwaysThere };
const bareJson: Peer = { ...relay, name: 'INSERT of a JSON parameter alone', role: 'limit', obtain: alwaysThere };

await runRow({
  row: 'P6',
  title: `persistence of events of ${EVENT_BYTES} B`,
  maxSeconds: 900,
  fsyncPostgres: true,
  async measure(work) {
    const { quick, seconds } = work.options;
    const rows = quick ? 60_000 : 500_000;
    const copied = await compare(work, [worker, bareCopy, bareJson], peer =>
      peer === worker ? persist(work, rows) : bare(peer, rows),
    );
    const calls = await compare(work, [worker], () => persist(work, rows / 4, fillCalls));
    const behind = await compare(work, [worker], () => lag(work, seconds));
    return {
      settings: { eventBytes: EVENT_BYTES, rows, lagPerSecond: LAG_PER_SECOND },
      measures: [
        judged(
          {
            work: `${rows} entries from the log into PostgreSQL`,
            unit: 'rows/s',
            better: 'higher',
            subjects: toSubjects(
              copied,
              run => run.perSecond,
              run => `${run.rows} rows`,
            ),
            target: '≥ 40 k/s',
          },
          subjects => oursMedian(subjects) >= 40_000,
          'worker, Redis and PostgreSQL share two cores, on which an INSERT of a JSON parameter alone reaches 31 k/s, where 46 are known elsewhere',
        ),
        judged(
          {
            work: `${rows / 4} entries of whole calls, 1.3 KB each`,
            unit: 'rows/s',
            better: 'higher',
            subjects: toSubjects(
              calls,
              run => run.perSecond,
              run => `${run.rows} rows`,
            ),
            target: NO_TARGET,
          },
          () => null,
        ),
        judged(
          {
            work: `age of what is not committed at ${LAG_PER_SECOND} events/s, p99`,
            unit: 'ms',
            better: 'lower',
            subjects: toSubjects(
              behind,
              run => run.p99Ms,
              run => `${run.rows} rows, p50 ${Math.round(run.p50Ms)} ms`,
            ),
            target: '< 2 s',
          },
          subjects => oursMedian(subjects) < 2_000,
        ),
      ],
    };
  },
});

interface Stage {
  readonly redisUrl: string;
  readonly pbxId: string;
  readonly redisPid: number;
  readonly position: () => Promise<number>;
  startWorker(): Promise<{ pid: number }>;
  stop(): Promise<void>;
}

async function openStage(work: RowWork): Promise<Stage> {
  const redis = await work.stand.redis('always');
  const [database, { url, pbxId }] = [await createTestDatabase(), await createTestRedis()];
  const watcher = new pg.Client(database.url);
  await watcher.connect();
  const started: { stop(): Promise<void> }[] = [];
  return {
    redisUrl: url,
    pbxId,
    redisPid: redis.pid,
    async position() {
      const { rows } = await watcher.query<{ seq: string }>(`SELECT seq FROM log_positions WHERE channel = 'calls'`);
      return Number(rows[0]?.seq ?? 0);
    },
    async startWorker() {
      const service = await startService('worker', {
        ...{ REDIS_URL: url, DATABASE_URL: database.url, PBX_ID: pbxId, ...profileSettings() },
      });
      started.push(service);
      return service;
    },
    async stop() {
      for (const service of started) await service.stop();
      await watcher.end();
      await database.drop();
      await redis.stop();
    },
  };
}

type Fill = (stage: Stage, rows: number) => Promise<void>;

async function persist(work: RowWork, rows: number, fill: Fill = fillEvents): Promise<PersistRun> {
  const stage = await openStage(work);
  try {
    await fill(stage, rows);
    const starting = stage.startWorker();
    const look = { timeoutMs: 300_000, everyMs: LOOK_MS };
    const first = await waitFor(async () => (await stage.position()) || null, { what: 'the first rows', ...look });
    const startedAt = performance.now();
    const { pid } = await starting;
    await waitFor(async () => (await stage.position()) >= rows, { what: `${rows} rows`, ...look });
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      rows,
      perSecond: (rows - first) / seconds,
      cpuMsPerThousand: ((await cpuSeconds([pid])) * 1e6) / rows,
    };
  } finally {
    await stage.stop();
  }
}

async function fillEvents({ redisUrl, pbxId }: Stage, rows: number): Promise<void> {
  const publisher = await startPublisher({ target: { feed: 'log', redisUrl, pbxId }, eventBytes: EVENT_BYTES });
  await publisher.publish({ events: rows, perSecond: 0 });
  await publisher.stop();
}

/** As ingest writes them, so that the worker also keeps each call up to date. */
async function fillCalls(stage: Stage, rows: number): Promise<void> {
  const log = createLogFiller(stage);
  const startMs = Date.now();
  for (let from = 0; from < rows; from += INSERT_ROWS) {
    const count = Math.min(INSERT_ROWS, rows - from);
    await log.append(Array.from({ length: count }, (_, i) => toCallEntry(from + i, startMs)));
  }
  await log.stop();
}

async function lag(work: RowWork, seconds: number): Promise<LagRun> {
  const stage = await openStage(work);
  try {
    await stage.startWorker();
    const target = { feed: 'log' as const, redisUrl: stage.redisUrl, pbxId: stage.pbxId };
    const publisher = await startPublisher({ target, eventBytes: EVENT_BYTES });
    const rows = LAG_PER_SECOND * seconds;
    // A little of everything first: the month is created, the statement is planned.
    const warmUp = LAG_PER_SECOND;
    await publisher.publish({ events: warmUp, perSecond: LAG_PER_SECOND });
    await waitFor(async () => (await stage.position()) >= warmUp, { what: 'the warm-up', timeoutMs: 60_000 });
    const ages: number[] = [];
    let isOver = false;
    const startedAt = performance.now();
    const watching = (async () => {
      while (!isOver) {
        const sinceMs = performance.now() - startedAt;
        const oldestDueMs = (((await stage.position()) - warmUp) * 1_000) / LAG_PER_SECOND;
        if (oldestDueMs < seconds * 1_000) ages.push(Math.max(0, sinceMs - oldestDueMs));
        await sleep(LOOK_MS);
      }
    })();
    await publisher.publish({ events: rows, perSecond: LAG_PER_SECOND });
    await waitFor(async () => (await stage.position()) >= warmUp + rows, { what: 'all rows', timeoutMs: 60_000 });
    isOver = true;
    await watching;
    await publisher.stop();
    return { rows, p50Ms: quantile(ages, 0.5), p99Ms: quantile(ages, 0.99), maxMs: Math.max(...ages) };
  } finally {
    await stage.stop();
  }
}

async function bare(peer: Peer, rows: number): Promise<PersistRun> {
  const database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    await client.query(BARE_TABLE);
    const startedAt = performance.now();
    if (peer === bareCopy) await copyIn(client, 'COPY bare FROM STDIN', copyChunks(rows));
    else await insertJson(client, rows);
    const perSecond = rows / ((performance.now() - startedAt) / 1_000);
    const { rows: counted } = await client.query<{ count: string }>('SELECT count(*) FROM bare');
    return { rows: Number(counted[0]?.count), perSecond, cpuMsPerThousand: 0 };
  } finally {
    await client.end();
    await database.drop();
  }
}

function* copyChunks(rows: number): Generator<Buffer> {
  const eventAt = createEvents(EVENT_BYTES);
  for (let from = 1; from <= rows; from += INSERT_ROWS) {
    const count = Math.min(INSERT_ROWS, rows - from + 1);
    const lines = Array.from(
      { length: count },
      (_, i) => `${from + i}\tcall_event\t101\tc1\tcall.updated\t2026-01-01\t${eventAt(1e15 + from + i)}\n`,
    );
    yield Buffer.from(lines.join(''));
  }
}

async function insertJson(client: pg.Client, rows: number): Promise<void> {
  const eventAt = createEvents(EVENT_BYTES);
  for (let from = 1; from <= rows; from += INSERT_ROWS) {
    const batch = Array.from({ length: Math.min(INSERT_ROWS, rows - from + 1) }, (_, i) => ({
      ...{ seq: from + i, type: 'call_event', dn: '101', call_id: 'c1', event: 'call.updated', at: '2026-01-01' },
      body: eventAt(1e15 + from + i),
    }));
    await client.query(
      `INSERT INTO bare SELECT seq, type, dn, call_id, event, at, body::json FROM json_to_recordset($1)
       AS row(seq bigint, type text, dn text, call_id text, event text, at timestamptz, body text)`,
      [JSON.stringify(batch)],
    );
  }
}
