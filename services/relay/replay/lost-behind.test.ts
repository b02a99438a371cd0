import { expect, test } from 'vitest';
import { lostBehind } from './lost-behind.ts';

const epochs = [
  { epoch: 'aaaaaaaa', first: 1 },
  { epoch: 'bbbbbbbb', first: 11 },
];

test.each([
  ['nothing where the next number is there', { next: 6, last: 9 }, 5, 0],
  ['what is missing in front of the next entry', { next: 8, last: 9 }, 5, 2],
  ['nothing in front of an epoch, whose first entry says it', { next: 11, last: 12 }, 5, 0],
  ['everything where there is no entry', { next: null, last: 9 }, 5, 4],
  ['everything up to where an epoch would begin', { next: null, last: 10 }, 9, 1],
  ['the beginning of an epoch with what is behind it', { next: 14, last: 14 }, 9, 4],
  ['nothing of a block that is behind already', { next: null, last: 9 }, 12, 0],
])('a block that goes on later has lost %s', (_, { next, last }, cursor, lost) => {
  expect(lostBehind({ firstBehind: () => next, last }, cursor, epochs)).toBe(lost);
});
