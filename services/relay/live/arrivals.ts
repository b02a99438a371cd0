import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Gauge, type Registry } from 'prom-client';
import type { Ring } from './ring.ts';

/**
 * - `grown`: look again, the channel has something beyond;
 * - `timeout`: nothing came in time, or the client has left;
 * - `stopped`: this process is stopping, nobody waits any more;
 * - `refused`: too many wait already.
 */
export type WaitOutcome = 'grown' | 'timeout' | 'stopped' | 'refused';

export interface Wait {
  readonly ms: number;
  /** Ends the wait of a client that has left. */
  readonly signal?: AbortSignal;
  /**
   * It waits for a connection that stays open. Those are counted where they are accepted, and when the process stops
   * they are closed one by one.
   */
  readonly isConnection?: boolean;
}

/** Lets requests wait for the tail to pass a number: no request reads Redis while it waits. */
export interface Arrivals {
  waitBeyond(channel: Channel, seq: number, wait: Wait): Promise<WaitOutcome>;
  /** The tail read something of the channel. Without one: the process is stopping. */
  wake(channel?: Channel): void;
  /** The log of the channel was lost and begun again: whoever waits for a number of the old one must look again. */
  reset(channel: Channel): void;
}

interface Waiting {
  readonly channel: Channel;
  readonly seq: number;
  readonly isConnection: boolean;
  readonly end: (outcome: WaitOutcome) => void;
}

export function createArrivals(
  deps: { ring: (channel: Channel) => Ring; registry: Registry },
  maxWaiting: number,
): Arrivals {
  const { ring } = deps;
  const waiting = new Set<Waiting>();
  let requests = 0;
  let isStopped = false;
  new Gauge({
    name: 'relay_waiting_requests',
    help: 'Requests that wait for something new in the log',
    registers: [deps.registry],
    collect() {
      this.set(requests);
    },
  });

  function waitBeyond(channel: Channel, seq: number, wait: Wait): Promise<WaitOutcome> | WaitOutcome {
    const { ms, signal, isConnection = false } = wait;
    if (ring(channel).head > seq) return 'grown';
    if (signal?.aborted) return 'timeout';
    if (isStopped && !isConnection) return 'stopped';
    if (requests >= maxWaiting && !isConnection) return 'refused';
    return new Promise(resolve => {
      const end = (outcome: WaitOutcome): void => {
        if (!waiting.delete(entry)) return;
        if (!isConnection) requests -= 1;
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
        resolve(outcome);
      };
      const leave = () => end('timeout');
      const entry = { channel, seq, isConnection, end };
      const timer = setTimeout(leave, ms);
      signal?.addEventListener('abort', leave);
      waiting.add(entry);
      if (!isConnection) requests += 1;
    });
  }

  return {
    waitBeyond: async (...wait) => waitBeyond(...wait),
    wake(channel) {
      if (channel === undefined) {
        isStopped = true;
        for (const each of waiting) if (!each.isConnection) each.end('stopped');
        return;
      }
      // Who has read ahead of the tail, from Redis itself, is not woken by what it has seen.
      const { head } = ring(channel);
      for (const each of waiting) if (each.channel === channel && head > each.seq) each.end('grown');
    },
    reset(channel) {
      for (const each of waiting) if (each.channel === channel) each.end('grown');
    },
  };
}
