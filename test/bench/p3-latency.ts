import { framesSent } from '../harness/ledger.ts';
import { startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';
import { compare, judged, toSubjects } from './frame/compare.ts';
import { cpuSeconds } from './frame/process-cpu.ts';
import { type RowWork, runRow } from './frame/run-row.ts';
import { oursMedian } from './frame/targets.ts';
import { SEQUENCE } from './load/arrival-scanner.ts';
import { startListeners } from './load/listeners.ts';
import type { Tally } from './load/listeners-process.ts';
import { relay } from './peers/relay.ts';
import { relaySettings } from './slow-down/slow-down.ts';

/**
 * P3: latency of the whole way. The simulated PBX sends 100 frames a second over its socket; ingest asks for each entity,
 * appends to a Redis that syncs each write; the relay delivers to 200 clients; the worker copies beside it.
 *
 * Method. The simulator plays calls at the rate and notes, to the millisecond, when each frame left; that is the time of
 * sending, rounded down, so that latencies are half a millisecond too high on average. Clients on bare sockets in another
 * process note when they read which sequence number, and latency is the difference. What the PBX sent late, because the
 * machine was busy, is its own matter and not counted; every frame has to arrive at each client. Before it is measured
 * the same load runs for as long: processes that have just started are still being compiled, and no phone system asks
 * for its events then.
 */
const CLIENTS = 200;
const PER_SECOND = 100;
const WHERE_IT_GOES =
  'half lies before Redis (a question to the PBX for each frame, the sync), half behind it (200 sockets written and read, on the same two cores as everything else); the slow ones come each second, while the worker copies';

interface LatencyRun extends Pick<Tally, 'received' | 'p50Ms' | 'p99Ms' | 'maxMs'> {
  readonly expected: number;
  /** Of ingest, relay, worker and Redis together, in percent of one core. */
  readonly cpuPercent: number;
}

await runRow({
  row: 'P3',
  title: `latency from the PBX's socket to ${CLIENTS} clients, ${PER_SECOND} frames/s, fsync always`,
  maxSeconds: 600,
  async measure(work) {
    const runs = await compare(work, [{ ...relay, name: 'whole product' }], () => latency(work));
    const said = ({ received, expected, maxMs }: LatencyRun) =>
      `${received} of ${expected} arrived, the last after ${Math.round(maxMs)} ms`;
    return {
      settings: { clients: CLIENTS, perSecond: PER_SECOND },
      measures: [
        judged(
          {
            work: 'p50',
            unit: 'ms',
            better: 'lower',
            subjects: toSubjects(runs, run => run.p50Ms, said),
            target: '≤ 6 ms',
          },
          subjects => oursMedian(subjects) <= 6,
          WHERE_IT_GOES,
        ),
        judged(
          { work: 'p99', unit: 'ms', better: 'lower', subjects: toSubjects(runs, run => run.p99Ms), target: '≤ 20 ms' },
          subjects => oursMedian(subjects) <= 20,
          WHERE_IT_GOES,
        ),
      ],
    };
  },
});

async function latency(work: RowWork): Promise<LatencyRun> {
  const redis = await work.stand.redis('always');
  const system = await startSystem(relaySettings());
  const target = {
    ...{ wire: 'relay' as const, port: Number(new URL(system.relayUrl).port), path: '/relay/ws?after=now' },
    headers: { authorization: `Bearer ${system.apiKey}` },
  };
  const listeners = await startListeners({ target, clients: CLIENTS, mark: SEQUENCE });
  try {
    const play = async (seconds: number) => {
      const before = (await framesSent(system)).length;
      await system.sim('POST', '/sim/burst', { events: PER_SECOND * seconds, perSecond: PER_SECOND });
      const isOver = async () => !(await system.sim<{ running: boolean }>('GET', '/sim/burst')).running;
      await waitFor(isOver, { what: 'the calls', timeoutMs: seconds * 1_000 + 30_000 });
      const frames = (await framesSent(system)).slice(before);
      return { frames, ...(await listeners.until(frames.length * CLIENTS)) };
    };
    await play(work.options.seconds);
    await listeners.begin();
    const pids = [
      ...(['ingest', 'relay', 'worker'] as const).map(name => system.service(name).pid),
      await redisPid(system),
    ];
    const cpuBefore = await cpuSeconds(pids);
    const startedAt = performance.now();
    const { frames, received } = await play(work.options.seconds);
    const cpuPercent = (((await cpuSeconds(pids)) - cpuBefore) / ((performance.now() - startedAt) / 1_000)) * 100;
    const sentAt = frames.map(
      ({ at, frame }) => [(frame as { sequence?: number } | null)?.sequence ?? -1, at * 1_000] as const,
    );
    const { p50Ms, p99Ms, maxMs } = await listeners.tallyBy(sentAt);
    return { expected: frames.length * CLIENTS, received, p50Ms, p99Ms, maxMs, cpuPercent };
  } finally {
    await listeners.stop();
    await system.stop();
    await redis.stop();
  }
}

async function redisPid(system: { redis: { info(section: string): Promise<string> } }): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(await system.redis.info('server'))?.[1]);
}
