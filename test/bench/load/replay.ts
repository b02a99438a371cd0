import { cpuSeconds } from '../frame/process-cpu.ts';
import type { Running } from '../peers/peer.ts';
import { startListeners } from './listeners.ts';

export interface ReplayRun {
  readonly expected: number;
  readonly received: number;
  readonly disorder: number;
  /** Deliveries a second, from the first connect to the last event. */
  readonly perSecond: number;
  /** Of the server and its store, for each thousand deliveries. */
  readonly cpuMsPerThousand: number;
  readonly seconds: number;
}

/** Clients that come from the beginning of a log which is there already, all at once. */
export async function replay(running: Running, load: { clients: number; entries: number }): Promise<ReplayRun> {
  const { replayWire } = running;
  if (!replayWire) throw new Error('this server keeps nothing that could be replayed');
  const expected = load.clients * load.entries;
  const before = await cpuSeconds(running.pids);
  const listeners = await startListeners({ target: replayWire, clients: load.clients, isReplay: true });
  try {
    const tally = await listeners.until(expected, { quietMs: 10_000, timeoutMs: 300_000 });
    const used = (await cpuSeconds(running.pids)) - before;
    const seconds = (tally.lastUs - tally.connectingUs) / 1e6;
    return {
      ...{ expected, received: tally.received, disorder: tally.disorder, seconds },
      perSecond: tally.received / seconds,
      cpuMsPerThousand: (used * 1e6) / tally.received,
    };
  } finally {
    await listeners.stop();
  }
}

export function replayCompleteness({ received, expected, disorder }: ReplayRun): string {
  return `${received} of ${expected} arrived${disorder === 0 ? '' : `, ${disorder} twice or out of order`}`;
}
