import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochAt, formatPosition, type LogPosition, parsePosition } from './position.ts';

const anyPosition: fc.Arbitrary<LogPosition> = fc.record({
  epoch: fc.integer({ min: 0, max: 36 ** 8 - 1 }).map(epochAt),
  seq: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
});

describe('a position', () => {
  test('comes back from its text unchanged', () => {
    fc.assert(
      fc.property(anyPosition, position => {
        expect(parsePosition(formatPosition(position))).toEqual(position);
      }),
    );
  });

  test('sorts as text as it sorts by epoch and number', () => {
    const order = (a: LogPosition, b: LogPosition) =>
      a.epoch === b.epoch ? Math.sign(a.seq - b.seq) : a.epoch < b.epoch ? -1 : 1;
    const compare = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1);
    fc.assert(
      fc.property(anyPosition, anyPosition, (a, b) => {
        expect(compare(formatPosition(a), formatPosition(b))).toBe(order(a, b));
        expect(compare(formatPosition(a), formatPosition({ ...a, seq: b.seq }))).toBe(Math.sign(a.seq - b.seq));
      }),
    );
  });

  test('of a later time has a later epoch', () => {
    const time = fc.integer({ min: 0, max: Date.UTC(2059, 0, 1) });
    fc.assert(
      fc.property(time, time, (a, b) => {
        fc.pre(a !== b);
        expect(epochAt(a) < epochAt(b)).toBe(a < b);
      }),
    );
  });

  test.each([
    '',
    'start',
    'now',
    'm5k2h7qa_1042',
    'm5k2h7qa_00000000000010422',
    'M5K2H7QA_0000000000001042',
    'm5k2h7qa_9999999999999999',
    ' m5k2h7qa_0000000000001042',
  ])('is not what nobody handed out: %j', text => expect(parsePosition(text)).toBeNull());

  test('of any other text is null, never an exception', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const parsed = parsePosition(text);
        if (parsed) expect(formatPosition(parsed)).toBe(text);
      }),
    );
  });
});
