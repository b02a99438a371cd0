import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toFilter } from './filter.ts';

const entry = (dn: string | null, type = 'call_event') => ({ type, dn, call: 'c1', event: 'call.updated' });

test('a scope lets pass what one of its DNs takes part in, and every gap', () => {
  const filter = toFilter({}, new Set(['101']));
  expect(filter?.matches(entry('200,101'))).toBe(true);
  expect(filter?.matches(entry('200,1010'))).toBe(false);
  expect(filter?.matches(entry(null))).toBe(false);
  expect(filter?.matches(entry(null, 'gap'))).toBe(true);
});

test('whoever asks by the name of another sees the calls that both take part in', () => {
  const filter = toFilter({ dn: ['200'] }, new Set(['101']));
  expect(filter?.matches(entry('200,101'))).toBe(true);
  expect(filter?.matches(entry('200,300'))).toBe(false);
  expect(filter?.matches(entry('101'))).toBe(false);
});

test('filters that come to the same have one key, whether the client or its key asks', () => {
  const key = (dn: string[] | undefined, scope: string[] | null) =>
    toFilter(dn ? { dn } : {}, scope && new Set(scope))?.key;
  expect(key(['101'], ['101', '102'])).toBe(key(['101'], null));
  expect(key(['102', '101', '103'], ['101', '102'])).toBe(key(undefined, ['102', '101']));
  expect(key(['101'], ['200'])).toBe(key(['200'], ['101']));
  expect(key(['101'], ['200'])).not.toBe(key(['101'], null));
  expect(key(['101', '200'], null)).not.toBe(key(['101'], ['200']));
});

test('filters with equal keys agree on every entry, and none lets pass what its scope does not', () => {
  const dns = fc.uniqueArray(fc.constantFrom<string[]>('1', '2', '3'), { minLength: 1 });
  const one = fc.record({ asked: fc.option(dns), scope: fc.option(dns) });
  const build = ({ asked, scope }: { asked: string[] | null; scope: string[] | null }) =>
    toFilter(asked ? { dn: asked } : {}, scope && new Set(scope));
  fc.assert(
    fc.property(one, one, fc.uniqueArray(fc.constantFrom('1', '2', '3', '4')), (a, b, taking) => {
      const seen = entry(taking.length === 0 ? null : taking.join(','));
      const [first, second] = [build(a), build(b)];
      const passes = first?.matches(seen) ?? true;
      if (first?.key === second?.key) expect(second?.matches(seen) ?? true).toBe(passes);
      const hasOne = (set: string[] | null) => set === null || set.some(dn => (taking as string[]).includes(dn));
      expect(passes).toBe(hasOne(a.asked) && hasOne(a.scope));
    }),
  );
});
