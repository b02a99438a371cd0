import { cpuSeconds, residentBytes } from '../frame/process-cpu.ts';
import type { Stand } from '../frame/stand.ts';
import type { Peer, PeerOptions } from '../peers/peer.ts';
import { startListeners } from './listeners.ts';
import { startPublisher } from './publisher.ts';

export interface FanOutLoad {
  readonly clients: number;
  readonly events: number;
  /** 0: as fast as they are taken. */
  readonly perSecond: number;
  readonly eventBytes: number;
}

/** One run of one server under one load. */
export interface FanOutRun {
  readonly expected: number;
  readonly received: number;
  /** Events of some client that came twice or out of order. */
  readonly disorder: number;
  /** Share that came within a second of when it was to be sent. */
  readonly inTime: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of one core, in percent, while it was published: server and store together. */
  readonly cpuPercent: number;
  /** The same for the process alone that holds the connections, in seconds. */
  readonly serverCpuSeconds: number;
  readonly cpuSeconds: number;
  /** From the first event to the last delivery. */
  readonly seconds: number;
  readonly residentMb: number;
}

const WARM_UP = { seconds: 1, events: 100 };

/**
 * Starts a server, lets clients in from another process, warms it up with a second of the same load, and then counts: what
 * a third process publishes, what each client got, and the processor time of the servers between the first event and the
 * last delivery. Delivery is given up when nothing came for five seconds.
 */
export async function fanOut(peer: Peer, stand: Stand, options: FanOutLoad & PeerOptions): Promise<FanOutRun> {
  const { clients, events, perSecond, eventBytes } = options;
  const running = await peer.start(stand, options);
  const opened: { stop(): Promise<void> }[] = [running];
  try {
    const listeners = await startListeners({ target: running.wire, clients });
    opened.unshift(listeners);
    const publisher = await startPublisher({ target: running.feed, eventBytes });
    opened.unshift(publisher);
    const warmUp = Math.min(events, perSecond === 0 ? WARM_UP.events : perSecond * WARM_UP.seconds);
    await publisher.publish({ events: warmUp, perSecond });
    await listeners.until(warmUp * clients, { quietMs: 5_000 });
    await listeners.begin();

    const cpuBefore = await cpuSeconds(running.pids);
    const serverBefore = await cpuSeconds([running.serverPid]);
    const published = await publisher.publish({ events, perSecond });
    const tally = await listeners.until(events * clients, { quietMs: 5_000, timeoutMs: 180_000 });
    const used = (await cpuSeconds(running.pids)) - cpuBefore;
    const serverCpuSeconds = (await cpuSeconds([running.serverPid])) - serverBefore;
    const publishSeconds = perSecond > 0 ? events / perSecond : (published.endedUs - published.startedUs) / 1e6;
    return {
      expected: events * clients,
      received: tally.received,
      disorder: tally.disorder,
      inTime: tally.inTime / (events * clients),
      ...{ p50Ms: tally.p50Ms, p99Ms: tally.p99Ms, maxMs: tally.maxMs },
      cpuPercent: (used / publishSeconds) * 100,
      serverCpuSeconds,
      cpuSeconds: used,
      seconds: (tally.lastUs - published.startedUs) / 1e6,
      residentMb: (await residentBytes(running.serverPid)) / 1024 ** 2,
    };
  } finally {
    for (const part of opened) await part.stop();
  }
}

/** What every line of a fan-out says beside its figure. */
export function completeness({ received, expected, disorder, inTime }: FanOutRun): string {
  const order = disorder === 0 ? '' : `, ${disorder} twice or out of order`;
  return `${received} of ${expected} arrived${order}, ${(inTime * 100).toFixed(1)} % within a second`;
}
