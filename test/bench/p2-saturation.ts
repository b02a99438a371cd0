import { compare, judged, toSubjects } from './frame/compare.ts';
import { NO_TARGET } from './frame/format-measures.ts';
import { runRow } from './frame/run-row.ts';
import { medianOf, oursMedian } from './frame/targets.ts';
import { completeness, type FanOutRun, fanOut } from './load/fan-out.ts';
import { jetStream, natsCore } from './peers/nats.ts';
import { nchan } from './peers/nchan.ts';
import { plainWs, readyFrames, socketIo } from './peers/node-server.ts';
import type { Peer } from './peers/peer.ts';
import { relays } from './peers/relay.ts';

/**
 * P2: fan-out at saturation. 500 clients, and events as fast as the store takes them, 500 at a time.
 *
 * Method. As P1, but nothing is paced: the figure is deliveries for each second of processor time of the process that
 * holds the connections, which is what one core could deliver if it had nothing else to do and clients that keep up. Each
 * server gets as many events as it needs some seconds for; all of them have to arrive. A client of the relay that falls
 * behind is served from the log again, and that is part of what is measured.
 */
const CLIENTS = 500;
const EVENT_BYTES = 300;

const EVENTS: ReadonlyMap<Peer, number> = new Map([
  ...relays.map(peer => [peer, 20_000] as const),
  [readyFrames, 20_000],
  [jetStream, 3_000],
  [natsCore, 3_000],
  [nchan, 1_000],
  [socketIo, 1_000],
  [plainWs, 1_000],
]);

const perCoreSecond = ({ received, serverCpuSeconds }: FanOutRun) => received / serverCpuSeconds;

await runRow({
  row: 'P2',
  title: `fan-out at saturation: ${CLIENTS} clients, ${EVENT_BYTES} B`,
  maxSeconds: 1_200,
  async measure(work) {
    const { quick } = work.options;
    const peers = quick ? [...relays, socketIo, readyFrames] : [...EVENTS.keys()];
    const eventsOf = (peer: Peer) => (EVENTS.get(peer) ?? 1_000) / (quick ? 5 : 1);
    const all = await compare(work, peers, peer =>
      fanOut(peer, work.stand, { clients: CLIENTS, events: eventsOf(peer), perSecond: 0, eventBytes: EVENT_BYTES }),
    );
    return {
      settings: { clients: CLIENTS, eventBytes: EVENT_BYTES },
      measures: [
        judged(
          {
            work: 'deliveries for a second of one core',
            unit: 'deliveries/s',
            better: 'higher',
            subjects: toSubjects(all, perCoreSecond, completeness),
            target: '≥ 2 M/s and ≥ 10 × Socket.IO',
          },
          subjects => oursMedian(subjects) >= Math.max(2e6, 10 * (medianOf(subjects, socketIo.name) || 0)),
        ),
        judged(
          {
            work: 'deliveries by the clock',
            unit: 'deliveries/s',
            better: 'higher',
            subjects: toSubjects(all, run => run.received / run.seconds),
            target: NO_TARGET,
          },
          () => null,
        ),
      ],
    };
  },
});
