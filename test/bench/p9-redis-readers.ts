import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { cpuSeconds } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { medianOf, oursMedian } from './frame/targets.ts';
import { startProgram } from './load/child-program.ts';
import { startListeners } from './load/listeners.ts';
import { startPublisher } from './load/publisher.ts';
import { alwaysThere, type Peer, type Running } from './peers/peer.ts';
import { relay } from './peers/relay.ts';

/**
 * P9: what waiting readers cost Redis. 500 clients wait for events; beside it one client, and 500 readers that each block
 * on the stream themselves, as a server would that gives each of its clients a connection to Redis.
 *
 * Method. 200 events a second are published in an open loop by another process; the processor time of Redis is taken from
 * /proc over that time; `blocked_clients` is asked of Redis itself, several times, before anything is published. Redis syncs
 * each write for all of them.
 */
const PER_SECOND = 200;
const EVENT_BYTES = 300;
const READERS = 500;
const LOOKS = 20;
const LOOK_MS = 50;

interface ReaderRun {
  readonly redisPercent: number;
  readonly blocked: number;
}

const one: Peer = { ...relay, name: 'relay, 1 client', role: 'limit' };
const many: Peer = { ...relay, name: `relay, ${READERS} clients` };
const blocked: Peer = { ...relay, name: `${READERS} blocked readers`, role: 'peer', obtain: alwaysThere };

await runRow({
  row: 'P9',
  title: `load of Redis by waiting readers at ${PER_SECOND} events/s`,
  maxSeconds: 600,
  async measure(work) {
    const runs = await compare(work, [many, one, blocked], peer => waiting(work, peer));
    return {
      settings: { perSecond: PER_SECOND, readers: READERS, eventBytes: EVENT_BYTES },
      measures: [
        judged(
          {
            work: 'blocked readers in Redis',
            unit: 'connections',
            better: 'lower',
            subjects: toSubjects(runs, run => run.blocked),
            target: 'as many for 500 clients as for one',
          },
          subjects => oursMedian(subjects) === medianOf(subjects, one.name),
        ),
        judged(
          {
            work: 'CPU of Redis',
            unit: '% of a core',
            better: 'lower',
            subjects: toSubjects(runs, run => run.redisPercent),
            target: 'constant (within a fifth)',
          },
          subjects => oursMedian(subjects) <= medianOf(subjects, one.name) * 1.2 + 1,
        ),
      ],
    };
  },
});

async function waiting(work: RowWork, peer: Peer): Promise<ReaderRun> {
  const running = await peer.start(work.stand, {});
  const opened: { stop(): Promise<void> }[] = [running];
  try {
    const { feed } = running;
    if (feed.feed !== 'log') throw new Error('readers wait for a log');
    if (peer === blocked) opened.unshift(await blockedReaders(feed));
    else opened.unshift(await startListeners({ target: running.wire, clients: peer === many ? READERS : 1 }));
    const publisher = await startPublisher({ target: feed, eventBytes: EVENT_BYTES });
    opened.unshift(publisher);
    await publisher.publish({ events: PER_SECOND, perSecond: PER_SECOND });
    return await observe(work, running, publisher);
  } finally {
    for (const part of opened) await part.stop();
  }
}

async function observe(
  work: RowWork,
  { feed, pids }: Running,
  publisher: { publish(what: { events: number; perSecond: number }): Promise<unknown> },
): Promise<ReaderRun> {
  if (feed.feed !== 'log') throw new Error('readers wait for a log');
  const { seconds } = work.options;
  const redisPid = pids.slice(1);
  const redis = new Redis(feed.redisUrl);
  let blockedClients = 0;
  for (let look = 0; look < LOOKS; look += 1) {
    await sleep(LOOK_MS);
    const info = await redis.info('clients');
    blockedClients = Math.max(blockedClients, Number(/^blocked_clients:(\d+)/m.exec(info)?.[1]));
  }
  await redis.quit();
  const before = await cpuSeconds(redisPid);
  await publisher.publish({ events: PER_SECOND * seconds, perSecond: PER_SECOND });
  return { redisPercent: (((await cpuSeconds(redisPid)) - before) / seconds) * 100, blocked: blockedClients };
}

async function blockedReaders(feed: { redisUrl: string; pbxId: string }): Promise<{ stop(): Promise<void> }> {
  const program = startProgram<object>('load/blocked-readers-process.ts', { ...feed, readers: READERS });
  await program.ask('ready');
  return program;
}
