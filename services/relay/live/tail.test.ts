import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { expect, test } from 'vitest';
import { runsOf } from './tail.ts';

test.each([
  [[1, 2, 3], [[1, 2, 3]]],
  [
    [1, 3, 4],
    [[1], [3, 4]],
  ],
  [
    [4, 5, 9, 12, 13],
    [[4, 5], [9], [12, 13]],
  ],
  [[7], [[7]]],
])('a page with %j is cut where numbers are missing: %j', (seqs, runs) => {
  const entries = seqs.map(seq => ({ seq }) as LogEntry);
  expect(runsOf(entries).map(run => run.map(({ seq }) => seq))).toEqual(runs);
});
