import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Gauge, type Registry } from 'prom-client';
import type { Ring } from './ring.ts';

/** Lets requests wait for the tail to pass a number: no request reads Redis while it waits. */
export interface Arrivals {
  /**
   * True when the channel has grown beyond `seq`; false after `ms`, when the process stops, and at once when too many
   * wait already.
   */
  waitBeyond(channel: Channel, seq: number, ms: number): Promise<boolean>;
  /** The tail read something, or the process is stopping. */
  wake(channel?: Channel): void;
}

export function createArrivals(
  deps: { ring: (channel: Channel) => Ring; registry: Registry },
  maxWaiting: number,
): Arrivals {
  const { ring } = deps;
  const waiting = new Map<() => void, Channel>();
  new Gauge({
    name: 'relay_waiting_requests',
    help: 'Requests that wait for something new in the log',
    registers: [deps.registry],
    collect() {
      this.set(waiting.size);
    },
  });
  let isStopped = false;
  return {
    async waitBeyond(channel, seq, ms) {
      if (ring(channel).head > seq) return true;
      if (isStopped || waiting.size >= maxWaiting) return false;
      await new Promise<void>(resolve => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        waiting.set(done, channel);
      });
      return ring(channel).head > seq;
    },
    wake(channel) {
      if (channel === undefined) isStopped = true;
      for (const [done, waitingFor] of waiting) if (channel === undefined || waitingFor === channel) done();
    },
  };
}
