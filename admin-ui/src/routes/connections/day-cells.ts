import type { DayCell } from '@3cx-relay/shared/wire/admin/connections.ts';

const CELL_S = 900;

/** Seconds as shares of the whole cell; what is absent is not known to be anything. */
export function toCells(day: readonly DayCell[]) {
  return day.map(({ from, up, degraded, down }) => {
    const begin = Date.parse(from);
    return {
      from: begin,
      to: begin + CELL_S * 1000,
      up: up / CELL_S,
      degraded: degraded / CELL_S,
      down: down / CELL_S,
    };
  });
}
