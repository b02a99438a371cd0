import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { residentBytes } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { oursMedian } from './frame/targets.ts';
import { startListeners } from './load/listeners.ts';
import { startPublisher } from './load/publisher.ts';
import { jetStream } from './peers/nats.ts';
import { plainWs, socketIo } from './peers/node-server.ts';
import { alwaysThere, type Peer, type Running } from './peers/peer.ts';
import { relay } from './peers/relay.ts';

/**
 * P7: memory of one idle client, of one client that stopped reading, and of a million entries in Redis.
 *
 * Method. Resident memory of the process that holds the connections, from /proc; a Node server, ours and others, collects
 * its garbage before each look. Idle: what it grows by when, with twice as many in already (code is compiled, the heap has
 * its size), so many clients come. What fits into room that the heap has anyway is not seen: the live heap of a client of
 * the relay is larger, some 9 KB. Stalled: one client that reads gets the events first, so that caches and rings are full;
 * then clients come that stop reading, the same events are published again, and what the process grew is divided by their
 * number. Entries: `used_memory_dataset` of Redis before and after, scaled to a million; beside it the same bodies by bare
 * `XADD`.
 */
const EVENT_BYTES = 300;
const SETTLE_MS = 2_000;
const COLLECT_MS = 500;
const COLLECTING = `--expose-gc --import=${new URL('./frame/collect-on-signal.ts', import.meta.url).href}`;
const STALLED = 20;

interface MemoryRun {
  readonly bytesEach: number;
  readonly beforeMb: number;
  readonly afterMb: number;
}

const log: Peer = { ...relay, name: 'log' };
const bareXadd: Peer = { ...relay, name: 'XADD alone', role: 'limit', obtain: alwaysThere };

await runRow({
  row: 'P7',
  title: 'memory',
  maxSeconds: 1_200,
  async measure(work) {
    const { quick } = work.options;
    const sizes = {
      idle: quick ? 1_000 : 3_000,
      stalledEvents: quick ? 10_000 : 50_000,
      entries: quick ? 100_000 : 1_000_000,
    };
    const idle = await compare(work, quick ? [relay, socketIo] : [relay, socketIo, jetStream, plainWs], peer =>
      idleClients(work, peer, sizes.idle),
    );
    const stalled = await compare(work, quick ? [relay, socketIo] : [relay, socketIo, jetStream, plainWs], peer =>
      stalledClients(work, peer, sizes.stalledEvents),
    );
    const entries = await compare(work, [log, bareXadd], peer => logEntries(work, peer, sizes.entries));
    return {
      settings: { ...sizes, stalled: STALLED, eventBytes: EVENT_BYTES },
      measures: [
        judged(
          {
            work: 'one idle client, after a collection',
            unit: 'KB',
            better: 'lower',
            subjects: toSubjects(idle, run => run.bytesEach / 1024),
            target: '≤ 15 KB',
          },
          subjects => oursMedian(subjects) <= 15,
        ),
        judged(
          {
            work: 'one stalled client',
            unit: 'MB',
            better: 'lower',
            subjects: toSubjects(stalled, run => run.bytesEach / 1024 ** 2),
            target: '≤ 1.5 MB',
          },
          subjects => oursMedian(subjects) <= 1.5,
        ),
        judged(
          {
            work: 'a million entries in Redis',
            unit: 'MB',
            better: 'lower',
            subjects: toSubjects(
              entries,
              run => (run.bytesEach * 1e6) / 1024 ** 2,
              () => `measured with ${sizes.entries}`,
            ),
            target: '≤ 350 MB',
          },
          subjects => oursMedian(subjects) <= 350,
        ),
      ],
    };
  },
});

async function idleClients(work: RowWork, peer: Peer, clients: number): Promise<MemoryRun> {
  const { running, kept } = await startCollecting(work, peer);
  const opened: { stop(): Promise<void> }[] = [running];
  try {
    // What a crowd needs while it connects the process keeps, however many come: the first two crowds are not counted.
    for (let crowd = 0; crowd < 2; crowd += 1) opened.unshift(await startListeners({ target: running.wire, clients }));
    const before = await kept();
    opened.unshift(await startListeners({ target: running.wire, clients }));
    return memory(before, await kept(), clients);
  } finally {
    for (const part of opened) await part.stop();
  }
}

/** A server of Node that collects its garbage before each look at what it keeps. */
async function startCollecting(work: RowWork, peer: Peer): Promise<{ running: Running; kept: () => Promise<number> }> {
  // Programs of the benchmark inherit it; the product's environment is made of settings alone.
  process.env.NODE_OPTIONS = COLLECTING;
  const running = await peer.start(work.stand, { settings: { NODE_OPTIONS: COLLECTING } }).finally(() => {
    delete process.env.NODE_OPTIONS;
  });
  const kept = async () => {
    await sleep(SETTLE_MS);
    if (peer.isNode) process.kill(running.serverPid, 'SIGUSR2');
    await sleep(COLLECT_MS);
    return residentBytes(running.serverPid);
  };
  return { running, kept };
}

async function stalledClients(work: RowWork, peer: Peer, events: number): Promise<MemoryRun> {
  const { running, kept } = await startCollecting(work, peer);
  const opened: { stop(): Promise<void> }[] = [running];
  try {
    const reader = await startListeners({ target: running.wire, clients: 1 });
    opened.unshift(reader);
    const publisher = await startPublisher({ target: running.feed, eventBytes: EVENT_BYTES });
    opened.unshift(publisher);
    await publisher.publish({ events, perSecond: 0 });
    await reader.until(events);
    opened.unshift(await startListeners({ target: running.wire, clients: STALLED, isStalled: true }));
    const before = await kept();
    await publisher.publish({ events, perSecond: 0 });
    await reader.until(2 * events);
    return memory(before, await kept(), STALLED);
  } finally {
    for (const part of opened) await part.stop();
  }
}

async function logEntries(work: RowWork, peer: Peer, events: number): Promise<MemoryRun> {
  const server = await work.stand.redis('everysec');
  const redis = new Redis(server.url);
  const used = async () => Number(/^used_memory_dataset:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  try {
    const target =
      peer === bareXadd
        ? { feed: 'stream' as const, redisUrl: server.url, key: 'bare', isTrimmed: false }
        : { feed: 'log' as const, redisUrl: server.url, pbxId: 'bench' };
    const publisher = await startPublisher({ target, eventBytes: EVENT_BYTES });
    const before = await used();
    await publisher.publish({ events, perSecond: 0 });
    await publisher.stop();
    return memory(before, await used(), events);
  } finally {
    await redis.quit();
    await server.stop();
  }
}

function memory(before: number, after: number, count: number): MemoryRun {
  const mb = (bytes: number) => bytes / 1024 ** 2;
  return { bytesEach: (after - before) / count, beforeMb: mb(before), afterMb: mb(after) };
}
