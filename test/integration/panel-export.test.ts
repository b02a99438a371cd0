import { expect, it } from 'vitest';
import { createRowCounter } from '../../admin-ui/src/lib/exports/row-counter.ts';

/** Hands the text on in pieces of this many bytes. */
function count(format: 'csv' | 'ndjson' | 'parquet', { text, step }: { text: string; step: number }) {
  const counter = createRowCounter(format);
  const bytes = new TextEncoder().encode(text);
  for (let from = 0; from < bytes.length; from += step) counter.add(bytes.slice(from, from + step));
  return { rows: counter.rows, end: counter.end() };
}

const steps = [1, 3, 7, 1_000];

it.each(steps)('line ends between quotes are no rows of CSV, in pieces of %i bytes', step => {
  const text = 'a,b\r\n"one\n""two""\nthree",x\r\ny,z\r\n';
  expect(count('csv', { text, step })).toEqual({ rows: 2, end: null });
});

it.each(steps)('the last line of NDJSON is no row and says that the file is whole, in pieces of %i bytes', step => {
  const text = '{"a":"ü"}\n{"a":2}\n{"complete":true,"rows":2}\n';
  expect(count('ndjson', { text, step })).toEqual({ rows: 2, end: { isWhole: true } });
});

it('NDJSON without its last line was cut off', () => {
  const { rows, end } = count('ndjson', { text: '{"a":1}\n{"a":2}\n{"a"', step: 5 });
  expect([rows, end?.isWhole]).toEqual([2, false]);
});

it('NDJSON that ends with an error was cut off for the reason that it names', () => {
  const text = '{"a":1}\n{"error":{"code":"internal","detail":"PostgreSQL is away"},"rows":1,"next":null}\n';
  expect(count('ndjson', { text, step: 9 })).toEqual({
    ...{ rows: 1, end: { isWhole: false, reason: 'PostgreSQL is away' } },
  });
});

it('an entry that has a field of that name is a row', () => {
  const { rows } = count('ndjson', { text: '{"error":"none","complete":"yes"}\n', step: 4 });
  expect(rows).toBe(1);
});

it('nothing can be told of Parquet by looking', () => {
  expect(count('parquet', { text: 'PAR1\n\n', step: 2 })).toEqual({ rows: null, end: null });
});
