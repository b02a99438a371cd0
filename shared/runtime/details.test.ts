import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toDetails, toSafeText } from './details.ts';
import { OperatorError } from './operator-error.ts';

test('what JSON cannot say is said in words', () => {
  const circular: Record<string, unknown> = { name: 'loop' };
  circular.self = circular;
  const unreadable = Object.defineProperty({}, 'bad', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  expect(toDetails({ circular, big: 12n, date: new Date(0), nothing: undefined, unreadable, at: Number.NaN })).toEqual({
    circular: { name: 'loop', self: '[circular]' },
    big: '12',
    date: '1970-01-01T00:00:00.000Z',
    unreadable: { bad: '[unreadable]' },
    at: 'NaN',
  });
  expect(toDetails('plain')).toEqual({ value: 'plain' });
  expect(toDetails(undefined)).toEqual({});
});

test('an error keeps its code and causes, and nothing that was hung on it', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', config: { auth: 's3cret' } });
  const { error } = toDetails(new OperatorError('PBX_AWAY', 'the PBX is away', { cause }));
  expect(error).toMatchObject({ code: 'PBX_AWAY', message: 'the PBX is away', cause: { code: 'ECONNREFUSED' } });
  expect(JSON.stringify(error)).not.toContain('s3cret');
});

test('secrets are replaced, by their name at any depth and by their look in any text', () => {
  const key = `3cxr_${'ab'.repeat(32)}`;
  const details = toDetails({
    deep: { er: { still: { CLIENT_SECRET: 'one', 'x-api-key': 'two', headers: { Authorization: 'three' } } } },
    text: `Bearer abcdefghijkl, ${key}, postgres://relay:four@db/relay and client_secret=five&x=1`,
  });
  const json = JSON.stringify(details);
  for (const secret of ['one', 'two', 'three', 'four@', 'five', 'abcdefghijkl', 'abababab']) {
    expect(json).not.toContain(secret);
  }
  expect(json).toContain('x=1');
  expect(toSafeText(`key ${key} refused`, 100)).toBe('key 3cxr_[redacted] refused');
});

test('a secret in JSON that is only text, in a header, or at the place of the cut is replaced, too', () => {
  const body = '{"access_token": "opaque-1234", "refresh_token":"other-1234","expires_in":60}';
  const told = JSON.stringify(toDetails({ body, header: 'x-api-key: hexhexhex', nested: JSON.stringify({ body }) }));
  for (const secret of ['opaque-1234', 'other-1234', 'hexhexhex']) expect(told).not.toContain(secret);
  expect(told).toContain('expires_in');
  expect(toSafeText(`${'x'.repeat(60)} postgres://relay:hunter2hunter2@db/relay`, 90)).not.toContain('hunter');
  expect(toSafeText(`${'x'.repeat(60)} client_secret=hunter2hunter2`, 80)).not.toContain('hunter');
  expect(toSafeText('redis+sentinel://a:1,b:2/m?sentinelPassword=hunter2hunter2', 90)).not.toContain('hunter');
  expect(toSafeText('a'.repeat(200), 100)).toHaveLength(100);
  expect(toSafeText('token=1', 7)).toHaveLength(7);
});

test('the whole is bounded, however much there is', () => {
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`name${n}`, 'x'.repeat(10_000)]));
  const long = Array.from({ length: 100_000 }, (_, n) => ({ n, text: 'ü'.repeat(1_000) }));
  let deep: unknown = 'bottom';
  for (let i = 0; i < 10_000; i += 1) deep = { deep };
  expect(JSON.stringify(toDetails({ wide, long, deep })).length).toBeLessThan(40_000);
});

test('any value becomes JSON that PostgreSQL takes, and never throws', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
      value => {
        const json = JSON.stringify(toDetails(value));
        const isTaken = (text: string) => text.isWellFormed() && !text.includes('\0');
        const refused: string[] = [];
        const read = JSON.parse(json, (name, member) => {
          for (const text of [name, member]) if (typeof text === 'string' && !isTaken(text)) refused.push(text);
          return member;
        });
        expect(read).toBeTypeOf('object');
        expect(refused).toEqual([]);
      },
    ),
    // The text of an escape is a text as any other.
    { numRuns: 1_000, examples: [[{ '\\uda': '\\u0000' }], [{ '\uda00': '\0' }]] },
  );
});
