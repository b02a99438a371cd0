import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import pg from 'pg';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { oursMedian } from './frame/targets.ts';
import { bareXread } from './load/bare-xread.ts';
import { copyOut } from './load/copy-rows.ts';
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
 * set as retention leaves it), and at rest when it is read: the relay has seen all of it. The clients connect from another process, and time runs from the first connect to the last
 * event, sign-in included. JetStream serves the same with ordered push consumers from a stream in files. Limits: the same
 * entries by `XREAD COUNT 500` over a bare socket that only counts them, and by one `COPY … TO STDOUT`.
 */
const EVENT_BYTES = 300;
const XREAD_COUNT = 500;
const SELECT_ALL = `COPY (SELECT seq, type, dn, call_id, event, at, body FROM events WHERE channel = 'calls' ORDER BY seq) TO STDOUT`;

const bareRedis: Peer = {
  name: `XREAD COUNT ${XREAD_COUNT} alone`,
  role: 'limit',
  obtain: alwaysThere,
  start: stand => relay.start(stand, { fsync: 'everysec' }),
};
const bareSelect: Peer = {
  name: 'COPY TO STDOUT alone',
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
    const fromRedis = await compare(work, [relay, jetStream, bareRedis], peer => filledReplay(work, peer, one));
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
          'both cores are busy: relay and Redis together take 10 µs an entry, of which Redis needs 3 to read and pack it; the client takes the rest',
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
    await running.hasTaken?.(load.entries);
    return peer === bareRedis ? await readAll(running, load.entries) : await replay(running, load);
  } finally {
    await running.stop();
  }
}

async function readAll({ feed }: Running, entries: number): Promise<ReplayRun> {
  if (feed.feed !== 'log') throw new Error('only a log can be read bare');
  const port = Number(new URL(feed.redisUrl).port);
  const key = createLogKeys(feed.pbxId).log('calls');
  return bareRun(entries, await bareXread(port, key, { entries, count: XREAD_COUNT }));
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
    await copyOut(client, SELECT_ALL, () => {
      received += 1;
    });
    return bareRun(received, (performance.now() - startedAt) / 1_000);
  } finally {
    await client.end();
    await running.stop();
  }
}

function bareRun(received: number, seconds: number): ReplayRun {
  return { expected: received, received, disorder: 0, seconds, perSecond: received / seconds, cpuMsPerThousand: 0 };
}
