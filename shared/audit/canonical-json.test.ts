import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test('members are sorted by UTF-16 code units, at every depth', () => {
  const value = {
    '\u20ac': 1,
    '\r': 2,
    '\ufb33': 3,
    '1': 4,
    '\ud83d\ude00': 5,
    '\u0080': 6,
    '\u00f6': { b: [], a: {} },
  };
  expect(canonicalJson(value)).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"\u00f6":{"a":{},"b":[]},"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
});

// RFC 8785, appendix B.
test.each([
  ['-0', '0'],
  ['5e-324', '5e-324'],
  ['1.7976931348623157e308', '1.7976931348623157e+308'],
  ['295147905179352830000', '295147905179352830000'],
  ['999999999999999900000', '999999999999999900000'],
  ['1e21', '1e+21'],
  ['0.000001', '0.000001'],
  ['333333333.33333329', '333333333.3333333'],
  ['1E30', '1e+30'],
])('the number %s is written as %s', (text, canonical) => {
  expect(canonicalJson(JSON.parse(text))).toBe(canonical);
});

test('texts are escaped as little as possible', () => {
  expect(canonicalJson('\u20ac$\u000f\nA\'B"\\/\u2028\ud800')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\/\u2028\\ud800"');
});

test('the same value has the same form however it was written', () => {
  const one = JSON.parse('{"b":[1.0,{"y":null,"x":true}],"a":"\\u0061","__proto__":1}');
  const other = JSON.parse('{ "__proto__" : 1, "a":"a","b":[1e0,{"x":true,"y":null}] }');
  expect(canonicalJson(one)).toBe(canonicalJson(other));
  expect(canonicalJson(one)).toBe('{"__proto__":1,"a":"a","b":[1,{"x":true,"y":null}]}');
});

test.each([[Number.NaN], [undefined], [1n], [Symbol('x')]])('%s has no form', value => {
  expect(() => canonicalJson({ value })).toThrow(TypeError);
});
