import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { Gauge, type Registry } from 'prom-client';
import type { Tail } from './tail.ts';

/** How the one reader of this process stands. */
export function watchTail(registry: Registry, tail: Tail): void {
  const registers = [registry];
  new Gauge({
    name: 'relay_reader_silent_seconds',
    help: 'Time since the log last answered the reader of this process',
    registers,
    collect() {
      this.set(tail.silentForMs() / 1_000);
    },
  });
  new Gauge({
    name: 'relay_ring_bytes',
    help: 'Newest entries held in memory, bytes',
    labelNames: ['channel'],
    registers,
    collect() {
      for (const channel of CHANNELS) this.set({ channel }, tail.ring(channel).bytes);
    },
  });
  new Gauge({
    name: 'relay_head',
    help: 'Number of the newest entry that this process has read',
    labelNames: ['channel'],
    registers,
    collect() {
      for (const channel of CHANNELS) this.set({ channel }, tail.ring(channel).head);
    },
  });
}
