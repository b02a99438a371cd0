import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf } from './fingerprint.ts';

const same = (a: string, b: string) => fingerprintOf('c', a) === fingerprintOf('c', b);

test('messages that differ only in numbers have one fingerprint', () => {
  // Any text around the numbers, also letters right beside them.
  const words = fc.array(
    fc.string({ maxLength: 12 }).map(text => text.replaceAll(/\p{N}/gu, '')),
    { minLength: 2, maxLength: 6 },
  );
  fc.assert(
    fc.property(words, fc.infiniteStream(fc.nat()), fc.infiniteStream(fc.nat()), (parts, left, right) => {
      const fill = (numbers: Iterator<number>) => parts.reduce((text, part) => `${text}${numbers.next().value}${part}`);
      return same(fill(left), fill(right));
    }),
    { numRuns: 2_000 },
  );
});

test('ids, addresses, times and quoted values do not count', () => {
  expect(same('call m5k2h8aa-1265 is gone', 'call m5k2h8ab-3 is gone')).toBe(true);
  expect(same('no answer from 10.0.0.1:5432', 'no answer from 192.168.178.20:6379')).toBe(true);
  expect(same('no answer from fe80::1', 'no answer from 2001:db8::8a2e:370:7334')).toBe(true);
  expect(same('session deadbeef-face-4abc-8def-0123456789ab', 'session 01234567-89ab-4cde-8f01-23456789abcd')).toBe(
    true,
  );
  expect(same('since 2026-03-02T09:14:07.201Z', 'since 2025-12-31T23:59:59Z')).toBe(true);
  expect(same('field "dn" is wrong', 'field "queue" is wrong')).toBe(true);
  expect(same('lost 1, 2, 3', 'lost 7')).toBe(true);
});

test('another text and another component are another error', () => {
  expect(same('the socket was lost', 'the socket was closed')).toBe(false);
  expect(same("it can't be read and isn't there", "it can't be sent and isn't there")).toBe(false);
  expect(fingerprintOf('redis', 'away')).not.toBe(fingerprintOf('postgres', 'away'));
});
