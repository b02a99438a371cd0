import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { Redis } from 'ioredis';
import pg from 'pg';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { oursMedian } from './frame/targets.ts';
import { fillHistory } from './load/fill-history.ts';
import { startPublisher } from './load/publisher.ts';
import { type ReplayRun, replay, replayCompleteness } from './load/replay.ts';
import { jetStream } from './peers/nats.ts';
import { alwaysThere, type Peer, type Running } from './peers/peer.ts';
import { relay, startRelay } from './peers/relay.ts';

/**
 * P5: replay. One client that reads a million events from the beginning; 500 clients that come at once and each read ten
 * thousand; one client whose events are in PostgreSQL alone.
 *
 * Method. The log is filled through the same way in as always (of the third, in PostgreSQL itself, with the log's head
 * set as retention leaves it). The clients connect from another process, and time runs from the first connect to the last
 * event, sign-in included. JetStream serves the same with ordered push consumers from a stream in files. Limits: the same
 * entries by `XREAD COUNT 500` in a loop, and by paged queries of 5,000 rows, in this process, without decoding them.
 */
const EVENT_BYTES = 300;
const XREAD_COUNT = 500;
const PAGE_ROWS = 5_000;

const bareXread: Peer = {
  name: `XREAD COUNT ${XREAD_COUNT} alone`,
  role: 'limit',
  obtain: alwaysThere,
  start: stand => relay.start(stand, { fsync: 'everysec' }),
};
const bareSelect: Peer = {
  name: `SELECT of ${PAGE_ROWS} rows alone`,
  role: 'limit',
  obtain: alwaysThere,
  start: stand => relay.start(stand, {}),
};

await runRow({
  row: 'P5',
  title: `replay of events of ${EVENT_BYTES} B`,
  maxSeconds: 1_500,
  async measure(work) {
    const { quick } = work.options;
    const sizes = {
      one: quick ? 100_000 : 1_000_000,
      crowd: { clients: quick ? 200 : 500, entries: 10_000 },
      cold: quick ? 100_000 : 1_000_000,
    };
    const one = { clients: 1, entries: sizes.one };
    const fromRedis = await compare(work, [relay, jetStream, bareXread], peer => filledReplay(work, peer, one));
    const together = await compare(work, [relay, jetStream], peer => filledReplay(work, peer, sizes.crowd));
    const fromPostgres = await compare(work, [relay, bareSelect], peer =>
      peer === bareSelect ? selectAll(work, sizes.cold) : coldReplay(work, sizes.cold),
    );
    const rate = (run: ReplayRun) => run.perSecond;
    return {
      settings: { eventBytes: EVENT_BYTES, ...sizes },
      measures: [
        judged(
          {
            work: `one client, ${sizes.one} events`,
            unit: 'events/s',
            better: 'higher',
            subjects: toSubjects(fromRedis, rate, replayCompleteness),
            target: '≥ 150 k/s',
          },
          subjects => oursMedian(subjects) >= 150_000,
        ),
        judged(
          {
            work: `${sizes.crowd.clients} clients × ${sizes.crowd.entries} at once`,
            unit: 'deliveries/s',
            better: 'higher',
            subjects: toSubjects(together, rate, replayCompleteness),
            target: '≥ 1 M/s',
          },
          subjects => oursMedian(subjects) >= 1_000_000,
        ),
        judged(
          {
            work: `one client, ${sizes.cold} events from PostgreSQL`,
            unit: 'events/s',
            better: 'higher',
            subjects: toSubjects(fromPostgres, rate, replayCompleteness),
            target: '≥ 50 k/s',
          },
          subjects => oursMedian(subjects) >= 50_000,
        ),
      ],
    };
  },
});

async function filledReplay(work: RowWork, peer: Peer, load: { clients: number; entries: number }): Promise<ReplayRun> {
  // Reading does not depend on how writes are synced, and filling is quicker so.
  const running = await peer.start(work.stand, { fsync: 'everysec' });
  try {
    const publisher = await startPublisher({ target: running.feed, eventBytes: EVENT_BYTES });
    await publisher.publish({ events: load.entries, perSecond: 0 });
    await publisher.stop();
    return peer === bareXread ? await readAll(running) : await replay(running, load);
  } finally {
    await running.stop();
  }
}

async function readAll({ feed }: Running): Promise<ReplayRun> {
  if (feed.feed !== 'log') throw new Error('only a log can be read bare');
  const redis = new Redis(feed.redisUrl);
  const startedAt = performance.now();
  let received = 0;
  for (let last = '0-0'; ; ) {
    const answer = await redis.xreadBuffer(
      'COUNT',
      XREAD_COUNT,
      'STREAMS',
      createLogKeys(feed.pbxId).log('calls'),
      last,
    );
    const entries = answer?.[0]?.[1] as [Buffer, Buffer[]][] | undefined;
    if (!entries?.length) break;
    received += entries.length;
    last = String(entries.at(-1)?.[0]);
  }
  await redis.quit();
  return bareRun(received, startedAt);
}

async function coldReplay(work: RowWork, entries: number): Promise<ReplayRun> {
  const running = await startRelay(work.stand, { prepare: target => fillHistory(target, entries, EVENT_BYTES) });
  try {
    return await replay(running, { clients: 1, entries });
  } finally {
    await running.stop();
  }
}

async function selectAll(work: RowWork, entries: number): Promise<ReplayRun> {
  const running = await startRelay(work.stand, { prepare: target => fillHistory(target, entries, EVENT_BYTES) });
  const client = new pg.Client(running.databaseUrl);
  await client.connect();
  try {
    const startedAt = performance.now();
    let received = 0;
    for (let last = 0; ; ) {
      const { rows } = await client.query<{ seq: string; body: string }>(
        `SELECT seq, type, dn, call_id, event, at, body::text FROM events WHERE channel = 'calls' AND seq > $1 ORDER BY seq LIMIT $2`,
        [last, PAGE_ROWS],
      );
      if (rows.length === 0) break;
      received += rows.length;
      last = Number(rows.at(-1)?.seq);
    }
    return bareRun(received, startedAt);
  } finally {
    await client.end();
    await running.stop();
  }
}

function bareRun(received: number, startedAt: number): ReplayRun {
  const seconds = (performance.now() - startedAt) / 1_000;
  return { expected: received, received, disorder: 0, seconds, perSecond: received / seconds, cpuMsPerThousand: 0 };
}
