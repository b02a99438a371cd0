import type { ConnectionSample } from '@3cx-relay/shared/store/connection-history.ts';
import {
  CONNECTION_STATES,
  type ConnectionState,
  type DayCell,
  type LatencyPoint,
} from '@3cx-relay/shared/wire/admin/connections.ts';

type Sample = Pick<ConnectionSample, 'state' | 'latency' | 'at'>;

export const CELL_MS = 15 * 60_000;
const CELLS = 96;
const MINUTE_MS = 60_000;
const LATENCY_MINUTES = 60;
/** A sample a minute is kept: who has said nothing for twice as long is not known any more. */
export const KNOWN_FOR_MS = 2 * MINUTE_MS;

/** Where the first cell begins: the last one is the quarter of an hour that goes on. */
export function firstCellAt(now: number): number {
  return Math.floor(now / CELL_MS) * CELL_MS - (CELLS - 1) * CELL_MS;
}

/** How long a component was in each state, by quarter of an hour. `samples` oldest first, some from before the first cell. */
export function toDayCells(samples: readonly Sample[], now: number): DayCell[] {
  const first = firstCellAt(now);
  const cells = Array.from({ length: CELLS }, (_, index) => ({
    from: first + index * CELL_MS,
    ms: Object.fromEntries(CONNECTION_STATES.map(state => [state, 0])) as Record<ConnectionState, number>,
  }));
  samples.forEach(({ state, at }, index) => {
    const until = Math.min(samples[index + 1]?.at.getTime() ?? now, at.getTime() + KNOWN_FOR_MS, now);
    const known = toConnectionState(state);
    for (let from = Math.max(first, at.getTime()); from < until; ) {
      const cell = cells[Math.floor((from - first) / CELL_MS)];
      if (!cell) break;
      const end = Math.min(until, cell.from + CELL_MS);
      cell.ms[known] += end - from;
      from = end;
    }
  });
  return cells.map(({ from, ms }) => {
    const { up, degraded, down, absent } = ms;
    const passed = Math.min(CELL_MS, now - from);
    return {
      from: new Date(from).toISOString(),
      ...{ up: seconds(up), degraded: seconds(degraded), down: seconds(down), absent: seconds(absent) },
      unknown: seconds(Math.max(0, passed - up - degraded - down - absent)),
    };
  });
}

/** The last latency of each minute of the last hour; null where there is none. */
export function toLatency(samples: readonly Sample[], now: number): LatencyPoint[] {
  const first = (Math.floor(now / MINUTE_MS) - LATENCY_MINUTES + 1) * MINUTE_MS;
  const points: LatencyPoint[] = Array.from({ length: LATENCY_MINUTES }, (_, index) => ({
    at: new Date(first + index * MINUTE_MS).toISOString(),
    ms: null,
  }));
  for (const { at, latency } of samples) {
    const point = points[Math.floor((at.getTime() - first) / MINUTE_MS)];
    if (point) point.ms = latency;
  }
  return points;
}

/** A newer version of ingest may know states that this one does not. */
export function toConnectionState(state: string): ConnectionState {
  return CONNECTION_STATES.find(known => known === state) ?? 'unknown';
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
