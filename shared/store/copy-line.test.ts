import { expect, test } from 'vitest';
import { toCopyLine, toCopyTime } from './copy-line.ts';

test('values are separated by tabs, and null is spelled as PostgreSQL spells it', () => {
  expect(toCopyLine(['calls', 7, null, ''])).toBe('calls\t7\t\\N\t\n');
});

test('what would end a value or a line is escaped, and so is the backslash itself', () => {
  expect(toCopyLine(['a\tb', 'c\nd\re', '\\N', '{"name":"\\"x\\""}'])).toBe(
    'a\\tb\tc\\nd\\re\t\\\\N\t{"name":"\\\\"x\\\\""}\n',
  );
});

test('a time is ISO 8601, and what is no time is null', () => {
  expect(toCopyTime(1_795_949_404_185)).toBe('2026-11-29T10:50:04.185Z');
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY, 9e15]) expect(toCopyTime(none)).toBeNull();
});
