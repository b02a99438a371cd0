import { expect, it } from 'vitest';
import { nextCursor } from './stream-cursor.ts';

const dayOne = Date.UTC(2024, 9, 9);
const at = (ms: number, random = 0) => ({ now: () => dayOne + ms, random: () => random });

it('counts intervals of 20 seconds since 9 October 2024', () => {
  expect(nextCursor(null, at(0))).toBe('0');
  expect(nextCursor(null, at(19_999))).toBe('0');
  expect(nextCursor(null, at(200_000))).toBe('10');
});

it('answers a cursor of the past with the present', () => {
  expect(nextCursor('3', at(200_000))).toBe('10');
});

it.each(['10', '11', '900000000000000'])('answers %s, which is not past, with one that is greater', sent => {
  expect(Number(nextCursor(sent, at(200_000, 0)))).toBe(Number(sent) + 1);
  expect(Number(nextCursor(sent, at(200_000, 0.9999)))).toBe(Number(sent) + 180);
});
