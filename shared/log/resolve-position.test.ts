import { describe, expect, it } from 'vitest';
import { resolvePosition } from './resolve-position.ts';

// Epoch a holds 1 to 100, b began at 151 after a failover that lost 101 to 150; entries below 21 are trimmed.
const log = {
  epochs: [
    { epoch: 'aaaaaaaa', first: 1 },
    { epoch: 'bbbbbbbb', first: 151 },
  ],
  head: 200,
  oldest: 21,
};

describe('a position', () => {
  it.each([
    ['is held', 'aaaaaaaa', 50, 50, null],
    ['stands just before the oldest entry', 'aaaaaaaa', 20, 20, null],
    ['is older than what is held', 'aaaaaaaa', 5, 20, { lost: 15, reason: 'retention' }],
    ['is the head', 'bbbbbbbb', 200, 200, null],
    ['stands before its epoch', 'bbbbbbbb', 150, 150, null],
    ['is ahead of the log', 'bbbbbbbb', 201, 200, { lost: null, reason: 'log_rolled_back' }],
    ['was lost in a failover', 'aaaaaaaa', 160, 150, { lost: null, reason: 'log_rolled_back' }],
    ['is of an unknown epoch', 'cccccccc', 50, 20, { lost: null, reason: 'log_reset' }],
    ['is of an unknown epoch between two known ones', 'aaaaaaab', 50, 150, { lost: null, reason: 'log_reset' }],
    ['precedes the epoch it names', 'bbbbbbbb', 50, 20, { lost: null, reason: 'log_reset' }],
  ])('that %s has its answer', (_, epoch, seq, cursor, gap) => {
    expect(resolvePosition({ epoch, seq }, log)).toEqual({ cursor, gap });
  });

  it('in an empty log is answered with the beginning', () => {
    const answer = resolvePosition({ epoch: 'aaaaaaaa', seq: 7 }, { epochs: [], head: 0, oldest: 1 });
    expect(answer).toEqual({ cursor: 0, gap: { lost: null, reason: 'log_reset' } });
  });
});
