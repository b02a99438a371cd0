import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { warn } from '../../../install/dev/terminal.js';
import type { Curve } from '../frame/report.ts';
import type { RowWork } from '../frame/run-row.ts';
import { type FanOutRun, fanOut } from '../load/fan-out.ts';
import { socketIo } from '../peers/node-server.ts';
import type { Peer } from '../peers/peer.ts';
import { relay } from '../peers/relay.ts';

const EVENT_BYTES = 300;
const PER_SECOND = 100;
const CLIENTS = 20;
const PEERS = [relay, socketIo];

type Point = { x: number; run: FanOutRun };

/** Cost over clients, and cost over events a second; what no longer arrives within a second ends a subject's line. */
export async function fanOutCurves(work: RowWork, amounts: { clients: number[]; rates: number[] }): Promise<Curve[]> {
  const byClients = await each(amounts.clients, (peer, clients) =>
    measure(work, peer, { clients, perSecond: PER_SECOND }),
  );
  const byRate = await each(amounts.rates, (peer, perSecond) => measure(work, peer, { clients: CLIENTS, perSecond }));
  return [
    curve(byClients, {
      ...{
        title: `CPU over clients, ${PER_SECOND} events/s`,
        xLabel: 'clients',
        yLabel: '% of a core, server and Redis',
      },
      value: run => run.cpuPercent,
    }),
    curve(byClients, {
      ...{ title: `Latency over clients, ${PER_SECOND} events/s`, xLabel: 'clients', yLabel: 'p99, ms' },
      value: run => run.p99Ms,
    }),
    curve(byRate, {
      ...{ title: `CPU over events, ${CLIENTS} clients`, xLabel: 'events/s', yLabel: '% of a core, server and Redis' },
      value: run => run.cpuPercent,
    }),
    curve(byRate, {
      ...{ title: `Latency over events, ${CLIENTS} clients`, xLabel: 'events/s', yLabel: 'p99, ms' },
      value: run => run.p99Ms,
    }),
  ];

  async function each(xs: number[], run: (peer: Peer, x: number) => Promise<FanOutRun>): Promise<Map<Peer, Point[]>> {
    const lines = new Map<Peer, Point[]>();
    for (const peer of PEERS) {
      const points: Point[] = [];
      lines.set(peer, points);
      for (const x of xs) {
        try {
          points.push({ x, run: await run(peer, x) });
        } catch (error) {
          warn(`${peer.name} at ${x}: ${messageOf(error)}`);
          break;
        }
        // Beyond this every figure is only that of a queue that grows.
        if ((points.at(-1)?.run.inTime ?? 0) < 0.5) break;
      }
    }
    return lines;
  }
}

async function measure(work: RowWork, peer: Peer, load: { clients: number; perSecond: number }): Promise<FanOutRun> {
  const events = load.perSecond * work.options.seconds;
  const run = await fanOut(peer, work.stand, { ...load, events, eventBytes: EVENT_BYTES });
  work.record(peer.name, { ...load, ...run });
  return run;
}

function curve(
  lines: ReadonlyMap<Peer, readonly Point[]>,
  of: Omit<Curve, 'lines'> & { value: (run: FanOutRun) => number },
): Curve {
  const { value, ...labels } = of;
  return {
    ...labels,
    lines: [...lines].map(([peer, points]) => ({
      name: peer.name,
      points: points.map(({ x, run }) => ({ x, y: value(run) })),
    })),
  };
}
