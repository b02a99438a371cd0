import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArrivalScanner, SENT, SEQUENCE } from './arrival-scanner.ts';
import { createEvents } from './event.ts';

/** Long enough to stand in one piece, and to be cut within its mark and its number. */
const CUT = fc.integer({ min: 1, max: 900 });

function found(mark: typeof SENT, stream: string, cuts: readonly number[]): number[] {
  const numbers: number[] = [];
  const scanner = new ArrivalScanner(mark, number => numbers.push(number));
  const bytes = Buffer.from(stream);
  for (let from = 0, n = 0; from < bytes.length; n += 1) {
    const to = from + (cuts[n % cuts.length] ?? bytes.length);
    scanner.take(bytes.subarray(from, to));
    from = to;
  }
  return numbers;
}

test('events of all lengths are found once and in order, however the stream is cut', () => {
  // One is as long as two others together: what stands as far on as the last was need not be the next.
  const lengthsOf = fc.array(fc.constantFrom(60, 120, 180), { minLength: 1, maxLength: 60 });
  const eventOf = (number: number, length: number) => {
    const head = `{"sequence":${number},"pad":"`;
    return `${head}${'x'.repeat(length - head.length - 2)}"}`;
  };
  fc.assert(
    fc.property(lengthsOf, fc.array(CUT, { minLength: 1 }), fc.nat({ max: 999_999 }), (lengths, cuts, first) => {
      const numbers = lengths.map((_, n) => first + n);
      const stream = lengths.map((length, n) => eventOf(first + n, length)).join('');
      expect(found(SEQUENCE, stream, cuts)).toEqual(numbers);
    }),
    { numRuns: 500 },
  );
});

test('events of one length are found once and in order, with shorter things between them', () => {
  const event = createEvents(300);
  const noise = fc.array(fc.constantFrom('', '{"type":"position"}', 'x'.repeat(400)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(noise, fc.array(CUT, { minLength: 1 }), (between, cuts) => {
      const numbers = between.map((_, n) => 10 ** 15 + n);
      const stream = between.map((text, n) => text + event(10 ** 15 + n)).join('');
      expect(found(SENT, stream, cuts)).toEqual(numbers);
    }),
    { numRuns: 500 },
  );
});
