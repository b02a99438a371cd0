import { expect, test } from 'vitest';
import { digestOfReadableCode, randomReadableCode } from './readable-code.ts';

test('a code has 120 random bits and is known by its digest, however it is typed', () => {
  const codes = Array.from({ length: 200 }, randomReadableCode);
  expect(new Set(codes).size).toBe(200);
  for (const code of codes) {
    expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
    const typed = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    expect(digestOfReadableCode(typed)).toEqual(digestOfReadableCode(code));
  }
});
