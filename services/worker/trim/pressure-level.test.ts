import { expect, test } from 'vitest';
import { levelAt, newsOf, type PressureLevel } from './pressure-level.ts';

/** What an operator hears while the log fills and empties like this. */
function heard(ratios: readonly number[]): string[] {
  let level: PressureLevel = 'none';
  return ratios.flatMap(ratio => {
    const before = level;
    level = levelAt(before, ratio);
    return newsOf(before, level)?.severity ?? [];
  });
}

test('each mark is told once when it is crossed, and once when all is well again', () => {
  expect(heard([0.5, 0.79, 0.8, 0.85, 0.94, 0.95, 1.2, 0.96, 0.85, 0.76, 0.74, 0.1])).toEqual([
    'warning',
    'critical',
    'info',
  ]);
});

test('what swings around a mark is told once', () => {
  expect(heard([0.81, 0.79, 0.81, 0.76, 0.82])).toEqual(['warning']);
  expect(heard([0.96, 0.94, 0.96, 0.91, 0.97])).toEqual(['critical']);
});

test('a log that fills at once is critical at once, and critical again when it had gone down in between', () => {
  expect(heard([0.99, 0.85, 0.99, 0])).toEqual(['critical', 'critical', 'info']);
});
