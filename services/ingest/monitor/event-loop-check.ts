import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { CheckOutcome } from './check.ts';

export interface EventLoopCheck {
  readonly check: () => Promise<CheckOutcome>;
  stop(): void;
}

const RESOLUTION_MS = 20;
/** A frame then waits longer for us than for the PBX. */
const SLOW_MS = 250;

/**
 * How late this process is, as the 99th percentile since the last look. The histogram counts the time between two ticks
 * of a timer, so that an idle process shows the timer's own interval, which is taken off.
 */
export function createEventLoopCheck(): EventLoopCheck {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    async check() {
      const p99Ms = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6 - RESOLUTION_MS;
      histogram.reset();
      const latencyMs = Math.max(0, Math.round(p99Ms * 10) / 10);
      if (latencyMs <= SLOW_MS) return { state: 'up', latencyMs, error: null };
      return { state: 'degraded', latencyMs, error: 'this process stands still at times' };
    },
    stop() {
      histogram.disable();
    },
  };
}
