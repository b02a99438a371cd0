import { compare, judged, toSubjects } from './frame/compare.ts';
import { NO_TARGET } from './frame/format-measures.ts';
import { runRow } from './frame/run-row.ts';
import { median } from './frame/statistics.ts';
import { medianOf } from './frame/targets.ts';
import { completeness, fanOut } from './load/fan-out.ts';
import { jetStream, natsCore } from './peers/nats.ts';
import { nchan } from './peers/nchan.ts';
import { plainWs, readyFrames, socketIo } from './peers/node-server.ts';
import { relay, relays } from './peers/relay.ts';

/**
 * P1: fan-out at a steady rate. 200 clients get 800 events of 300 bytes a second, 160,000 deliveries.
 *
 * Method. Each subject is started alone, beside two other processes: one with all clients on bare sockets, one that
 * publishes in an open loop (event n is due at n/800 s and carries that time, so that a server which holds its sender up
 * pays for it). A second of warm-up is not counted. Processor time is that of the server and of its Redis, from /proc;
 * sender and clients are not counted. Latency is from the intended time of sending to the read in the client. The relay
 * has its log in a Redis that syncs each write; Socket.IO and the servers of our own making have one without an append
 * file; JetStream stores in files and syncs every two minutes; nchan keeps events in shared memory and is fed by HTTP.
 */
const CLIENTS = 200;
const PER_SECOND = 800;
const EVENT_BYTES = 300;

await runRow({
  row: 'P1',
  title: `fan-out: ${CLIENTS} clients × ${PER_SECOND} events/s, ${EVENT_BYTES} B`,
  maxSeconds: 900,
  async measure(work) {
    const { quick, seconds } = work.options;
    const load = { clients: CLIENTS, perSecond: PER_SECOND, events: PER_SECOND * seconds, eventBytes: EVENT_BYTES };
    const few = [...relays, socketIo, jetStream, readyFrames];
    const peers = quick ? few : [...few, natsCore, nchan, plainWs];
    const all = await compare(work, peers, peer => fanOut(peer, work.stand, load));
    return {
      settings: load,
      measures: [
        judged(
          {
            work: 'server CPU with its store',
            unit: '% of a core',
            better: 'lower',
            subjects: toSubjects(all, run => run.cpuPercent),
            target: '≤ ⅓ of Socket.IO and of JetStream',
          },
          subjects => {
            const rivals = [socketIo, jetStream].map(({ name }) => medianOf(subjects, name)).filter(Number.isFinite);
            return rivals.length === 0 ? null : medianOf(subjects, relay.name) <= Math.min(...rivals) / 3;
          },
          'three tenths of it are Redis, which syncs each batch to disk (JetStream syncs every two minutes, the log of Socket.IO never); the rest is the relay, which writes to 200 sockets up to 67 times a second',
        ),
        judged(
          {
            work: 'latency p99',
            unit: 'ms',
            better: 'lower',
            subjects: toSubjects(all, run => run.p99Ms),
            target: '≤ the best peer',
          },
          subjects => {
            const rivals = subjects.filter(({ role, values }) => role === 'peer' && values.length > 0);
            const best = Math.min(...rivals.map(({ values }) => median(values)));
            return rivals.length === 0 ? null : medianOf(subjects, relay.name) <= best;
          },
          'NATS core keeps nothing; an event of ours is on disk before it goes out, and up to 15 ms (RELAY_MAX_PACE_MS) are spent on sharing writes with those behind it',
        ),
        judged(
          {
            work: 'latency p50',
            unit: 'ms',
            better: 'lower',
            subjects: toSubjects(all, run => run.p50Ms),
            target: NO_TARGET,
          },
          () => null,
        ),
        judged(
          {
            work: 'arrived within a second',
            unit: '%',
            better: 'higher',
            subjects: toSubjects(all, run => run.inTime * 100, completeness),
            target: 'all',
          },
          subjects => medianOf(subjects, relay.name) === 100,
        ),
      ],
    };
  },
});
