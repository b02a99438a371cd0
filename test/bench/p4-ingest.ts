import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { Redis } from 'ioredis';
import { compare as compareFrames, entriesLogged, framesSent } from '../harness/ledger.ts';
import { startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { cpuSeconds } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import type { Fsync } from './frame/stand.ts';
import { oursMedian } from './frame/targets.ts';
import type { FeedTarget } from './load/feeds.ts';
import { startPublisher } from './load/publisher.ts';
import { jetStream } from './peers/nats.ts';
import { alwaysThere, type Peer, type Running } from './peers/peer.ts';
import { relay } from './peers/relay.ts';

/**
 * P4: ingest. Frames a second from the PBX's socket into the log, with a GET for each entity; and what the log takes when
 * nothing else is in the way, with the append file synced each second and before each answer.
 *
 * Method. With GETs: the whole product as processes, and the simulated PBX sends calls at 20,000 frames a second, more
 * than can be taken; the rate is that of entries between the first and the last, the simulator's own work on the same
 * machine included, and afterwards every frame it sent is looked for in the log, in order. Append alone: another process
 * hands events to the log's own writer as fast as it takes them, 500 a batch. Beside it JetStream with acknowledged,
 * pipelined publishing into files, and as limit bare pipelined `XADD` into the same Redis.
 */
const EVENT_BYTES = 300;
const WARM_UP = 2_000;
const OFFERED_PER_SECOND = 20_000;

interface IngestRun {
  readonly sent: number;
  readonly logged: number;
  /** Frames that are missing, doubled or out of order. */
  readonly wrong: number;
  readonly perSecond: number;
  /** Of ingest alone, for each thousand frames. */
  readonly cpuMsPerThousand: number;
}

const ingest: Peer = { ...relay, name: 'ingest' };
const logWriter: Peer = { ...relay, name: 'append to the log' };
const bareXadd: Peer = { ...relay, name: 'XADD, pipelined', role: 'limit', obtain: alwaysThere };

await runRow({
  row: 'P4',
  title: 'ingest',
  maxSeconds: 900,
  async measure(work) {
    const { quick } = work.options;
    const frames = quick ? 10_000 : 50_000;
    const events = quick ? 40_000 : 300_000;
    const whole = await compare(work, [ingest], () => ingestBurst(work, frames));
    const everysec = await compare(work, [logWriter, jetStream, bareXadd], peer =>
      append(work, peer, 'everysec', events),
    );
    const always = await compare(work, [logWriter, bareXadd], peer => append(work, peer, 'always', events));
    const complete = ({ sent, logged, wrong }: IngestRun) =>
      `${logged} of ${sent} in the log, ${wrong} missing, doubled or out of order`;
    const rate = (run: IngestRun) => run.perSecond;
    const line = (name: string, atLeast: number, subjects: ReturnType<typeof toSubjects>) =>
      judged(
        { work: name, unit: 'frames/s', better: 'higher', subjects, target: `≥ ${atLeast / 1_000} k/s` },
        all => oursMedian(all) >= atLeast,
      );
    return {
      settings: { eventBytes: EVENT_BYTES, offeredPerSecond: OFFERED_PER_SECOND, frames, events },
      measures: [
        line('from the socket, a GET for each', 5_000, toSubjects(whole, rate, complete)),
        line('append alone, fsync every second', 40_000, toSubjects(everysec, rate, complete)),
        line('append alone, fsync always', 15_000, toSubjects(always, rate, complete)),
      ],
    };
  },
});

async function ingestBurst(work: RowWork, frames: number): Promise<IngestRun> {
  const redis = await work.stand.redis('always');
  const system = await startSystem();
  try {
    const calls = system.keys.log('calls');
    const before = await system.redis.xlen(calls);
    const { pid } = system.service('ingest');
    const cpuBefore = await cpuSeconds([pid]);
    await system.sim('POST', '/sim/burst', { events: frames, perSecond: OFFERED_PER_SECOND });
    const logged = async () => (await system.redis.xlen(calls)) - before;
    const look = { timeoutMs: 120_000, everyMs: 5 };
    const first = await waitFor(async () => (await logged()) || null, { what: 'the first entries', ...look });
    const startedAt = performance.now();
    await waitFor(async () => (await logged()) >= frames, { what: `${frames} entries`, ...look });
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = (await cpuSeconds([pid])) - cpuBefore;
    const found = compareFrames(await framesSent(system), await entriesLogged(system));
    return {
      sent: found.framesDelivered,
      logged: found.framesLogged,
      wrong: found.missing.length + found.unexpected.length,
      perSecond: (frames - first) / seconds,
      cpuMsPerThousand: (used * 1e6) / frames,
    };
  } finally {
    await system.stop();
    await redis.stop();
  }
}

async function append(work: RowWork, peer: Peer, fsync: Fsync, events: number): Promise<IngestRun> {
  const running =
    peer === jetStream ? await peer.start(work.stand, {}) : await openRedis(work, fsync, peer === bareXadd);
  try {
    const publisher = await startPublisher({ target: running.feed, eventBytes: EVENT_BYTES });
    await publisher.publish({ events: WARM_UP, perSecond: 0 });
    const { startedUs, endedUs } = await publisher.publish({ events, perSecond: 0 });
    await publisher.stop();
    const perSecond = events / ((endedUs - startedUs) / 1e6);
    const logged = peer === jetStream ? events : (await countEntries(running.feed)) - WARM_UP;
    return { sent: events, logged, wrong: events - logged, perSecond, cpuMsPerThousand: 0 };
  } finally {
    await running.stop();
  }
}

/** A log without anybody who reads it. */
async function openRedis(work: RowWork, fsync: Fsync, isBare: boolean): Promise<Pick<Running, 'feed' | 'stop'>> {
  const redis = await work.stand.redis(fsync);
  return {
    feed: isBare
      ? { feed: 'stream', redisUrl: redis.url, key: 'bare', isTrimmed: false }
      : { feed: 'log', redisUrl: redis.url, pbxId: 'bench' },
    stop: redis.stop,
  };
}

/** What Redis has. JetStream acknowledged each, or the sender would have failed. */
async function countEntries(feed: FeedTarget): Promise<number> {
  if (feed.feed !== 'log' && feed.feed !== 'stream') throw new Error('only Redis is asked what it has');
  const redis = new Redis(feed.redisUrl);
  const entries = await redis.xlen(feed.feed === 'log' ? createLogKeys(feed.pbxId).log('calls') : feed.key);
  await redis.quit();
  return entries;
}
