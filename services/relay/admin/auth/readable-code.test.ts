import { MAX_PASSWORD_BYTES } from '@3cx-relay/shared/wire/admin/password-rules.ts';
import { expect, test } from 'vitest';
import { digestOfReadableCode, randomReadableCode } from './readable-code.ts';

test('a code has 140 random bits and is known by its digest, however it is typed', () => {
  const codes = Array.from({ length: 200 }, randomReadableCode);
  expect(new Set(codes).size).toBe(200);
  for (const code of codes) {
    expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/);
    const typed = code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    expect(digestOfReadableCode(typed)).toEqual(digestOfReadableCode(code));
  }
  // Each of the 28 characters is any of the 32.
  const perPlace = Array.from({ length: 34 }, (_, place) => new Set(codes.map(code => code[place])).size);
  expect(perPlace.filter(size => size > 1)).toHaveLength(28);
  expect(new Set(codes.join('').replaceAll('-', '')).size).toBe(32);
});

test('a code is a password of which nothing is ignored', () => {
  expect(randomReadableCode().length).toBeLessThanOrEqual(MAX_PASSWORD_BYTES);
});
