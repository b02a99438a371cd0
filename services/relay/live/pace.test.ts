import { expect, test } from 'vitest';
import { paceMs } from './pace.ts';

const MAX_MS = 20;

test('after an event that came alone there is no rest, whatever it cost to hand it out', () => {
  expect(paceMs(1, 15, MAX_MS)).toBe(0);
});

test('after what cost next to nothing there is none either', () => {
  expect(paceMs(500, 0.9, MAX_MS)).toBe(0);
});

test('after several the rest is the cost times those behind the first, three times the cost at most', () => {
  expect([2, 3, 4, 5, 500].map(entries => paceMs(entries, 2, MAX_MS))).toEqual([2, 4, 6, 6, 6]);
});

test('no rest is longer than the setting, and 0 switches it off', () => {
  expect(paceMs(100, 50, MAX_MS)).toBe(MAX_MS);
  expect(paceMs(100, 50, 0)).toBe(0);
});
