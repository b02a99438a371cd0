import { expect, test } from 'vitest';
import { SequenceWatch } from './sequence-watch.ts';

test('numbers that follow each other are no hole, wherever a connection begins', () => {
  const watch = new SequenceWatch();
  expect([5, 6, 7].map(n => watch.observe(n, 0).report)).toEqual([null, null, null]);
  watch.reset();
  expect(watch.observe(100, 0).report).toBeNull();
});

test('holes are reported at once, and then together at most once a minute', () => {
  const watch = new SequenceWatch();
  watch.observe(1, 0);
  expect(watch.observe(4, 0)).toEqual({ isHole: true, report: { holes: 1, missing: 2 } });
  expect(watch.observe(6, 1_000)).toEqual({ isHole: true, report: null });
  expect(watch.observe(8, 2_000)).toEqual({ isHole: true, report: null });
  expect(watch.observe(9, 61_000)).toEqual({ isHole: false, report: { holes: 2, missing: 2 } });
});

test('a number that goes back is not followed, and one that is absent is ignored', () => {
  const watch = new SequenceWatch();
  watch.observe(5_000, 0);
  expect(watch.observe(18, 0).isHole).toBe(false);
  expect(watch.observe(null, 0).isHole).toBe(false);
  expect(watch.observe(5_001, 0).isHole).toBe(false);
});
