import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { expect, it } from 'vitest';
import { unbrokenRun, unbrokenRuns } from './unbroken-run.ts';

function entriesOf(...numbers: number[]): LogEntry[] {
  const rest = { channel: 'calls', epoch: 'aaaaaaaa', type: 'x', at: 0, body: '{}', dn: null, call: null, event: null };
  return numbers.map(seq => ({ ...rest, seq }) as LogEntry);
}

it.each([
  { of: [1, 2, 3], cursor: 0, is: [1, 2, 3], holeFrom: null },
  { of: [1, 2, 3], cursor: 2, is: [1, 2, 3], holeFrom: null },
  { of: [4, 5], cursor: 1, is: [4, 5], holeFrom: null },
  { of: [1, 2, 6, 7], cursor: 0, is: [1, 2], holeFrom: null },
  { of: [1, 2, 6, 7], cursor: 2, is: [6, 7], holeFrom: 2 },
  { of: [1, 2, 6, 7, 9], cursor: 6, is: [6, 7], holeFrom: 2 },
  { of: [1, 2], cursor: 2, is: [], holeFrom: null },
])('of $of the run behind $cursor is $is', ({ of, cursor, is, holeFrom }) => {
  const run = unbrokenRun(entriesOf(...of), cursor);
  expect(run.entries.map(({ seq }) => seq)).toEqual(is);
  expect(run).toMatchObject({ holeFrom });
});

it.each([
  { of: [1, 2, 3], runs: ['1 2 3'] },
  { of: [1, 3, 4], runs: ['1', '3 4'] },
  { of: [4, 5, 9, 12, 13], runs: ['4 5', '9', '12 13'] },
  { of: [], runs: [] },
])('$of are the runs $runs', ({ of, runs }) => {
  expect(unbrokenRuns(entriesOf(...of)).map(run => run.map(({ seq }) => seq).join(' '))).toEqual(runs);
});
