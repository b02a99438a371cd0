import { expect, test } from 'vitest';
import { createBackoff } from './backoff.ts';

test('waits double up to their limit, are jittered down to nothing, and begin again after a reset', () => {
  const randoms = [1, 1, 1, 1, 0, 0.5];
  const backoff = createBackoff({ firstMs: 500, maxMs: 3_000 }, () => randoms.shift() ?? 1);
  const waits = Array.from({ length: 6 }, () => backoff.nextMs());
  expect(waits).toEqual([500, 1_000, 2_000, 3_000, 0, 1_500]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(500);
});
