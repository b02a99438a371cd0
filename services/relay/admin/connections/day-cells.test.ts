import { expect, test } from 'vitest';
import { CELL_MS, firstCellAt, toDayCells, toLatency } from './day-cells.ts';

const NOW = Date.parse('2026-03-02T12:05:00Z');
const first = firstCellAt(NOW);
const sample = (at: number, state = 'up', latency: number | null = 1) => ({ at: new Date(at), state, latency });
const everyMinute = (from: number, to: number, state = 'up') =>
  Array.from({ length: Math.ceil((to - from) / 60_000) }, (_, minute) => sample(from + minute * 60_000, state));

test('a day is 96 quarters of an hour that end with the one that goes on', () => {
  const cells = toDayCells([], NOW);
  expect(cells).toHaveLength(96);
  expect(cells[0]).toMatchObject({ from: '2026-03-01T12:15:00.000Z', unknown: 900, up: 0 });
  expect(cells.at(-1)).toMatchObject({ from: '2026-03-02T12:00:00.000Z', unknown: 300 });
});

test('a state holds until the next sample, and the seconds of each cell add up to what has passed of it', () => {
  const downAt = first + 10 * 60_000;
  const cells = toDayCells([...everyMinute(first, downAt), ...everyMinute(downAt, NOW, 'down')], NOW);
  expect(cells[0]).toMatchObject({ up: 600, down: 300, unknown: 0 });
  expect(cells[1]).toMatchObject({ up: 0, down: 900, unknown: 0 });
  expect(cells.at(-1)).toMatchObject({ down: 300, unknown: 0 });
});

test('two minutes without a sample are known, what comes after is not', () => {
  const cells = toDayCells([sample(first), sample(first + CELL_MS)], NOW);
  expect(cells[0]).toMatchObject({ up: 120, unknown: 780 });
  expect(cells[1]).toMatchObject({ up: 120, unknown: 780 });
});

test('a sample from before the first cell counts for what it reaches into it', () => {
  expect(toDayCells([sample(first - 60_000, 'absent')], NOW)[0]).toMatchObject({ absent: 60, unknown: 840 });
});

test('a state that this version does not know is unknown', () => {
  expect(toDayCells([sample(first, 'dreaming')], NOW)[0]).toMatchObject({ unknown: 900 });
});

test('latency is the last of each minute of the last hour, null where there is none', () => {
  const points = toLatency([sample(NOW - 59 * 60_000, 'up', 4), sample(NOW, 'up', 7), sample(NOW, 'up', 9)], NOW);
  expect(points).toHaveLength(60);
  expect([points[0]?.ms, points[1]?.ms, points.at(-1)?.ms]).toEqual([4, null, 9]);
});
