import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvLine } from './csv.ts';

const cell = (value: string) => csvLine([value]).slice(0, -2);

test.each([
  ['=1+1', `"'=1+1"`],
  ['+49301234567', `"'+49301234567"`],
  ['-2+3', `"'-2+3"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  ['\t=1', `"'\t'=1"`],
  ['\r=1', `"'\r'=1"`],
  ['＝1+1', `"'＝1+1"`],
  ['＋49', `"'＋49"`],
  ['  =1', `"'  =1"`],
  ['\u200b=1', `"'\u200b=1"`],
  ['Ada;=1', `"Ada;'=1"`],
  ['Ada"; "=1', `"Ada""; ""=1"`.replace(';', ";'")],
])('%j is text in a spreadsheet and can still be read', (value, written) => {
  expect(cell(value)).toBe(written);
});

test.each(['', '-5', '3.25', '030 1234567', '1e5', 'Ada Lovelace', 'a-b', 'e4f3c2-1'])('%j stays as it is', value => {
  expect(cell(value)).toBe(value);
});

test('quotes, commas and line breaks come back as RFC 4180 says', () => {
  expect(csvLine(['a"b', 'c,d', 'e\r\nf', null, 7, true])).toBe('"a""b","c,d","e\r\nf",,7,true\r\n');
});

test('whatever a cell holds, in no usual separator does a formula begin', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: fc.constantFrom(...'=+-@;,"\' \t\r\nA1＝') }), { minLength: 1 }), values => {
      const line = csvLine(values);
      for (const separator of [';', '\t', '\n']) {
        for (const part of line.split(separator).slice(1)) {
          const bare = part.replace(/^[" ]*/, '');
          expect(/^[=+\-@＝]/.test(bare) && !/^-?\d+(\.\d+)?"?[,\r\n]/.test(bare)).toBe(false);
        }
      }
      expect(parse(line).map(defused => defused.replaceAll("'", ''))).toEqual(
        values.map(value => value.replaceAll("'", '')),
      );
    }),
  );
});

/** RFC 4180, one record. */
function parse(line: string): string[] {
  const cells = [''];
  let isQuoted = false;
  for (let i = 0; i < line.length - 2; i += 1) {
    const character = line[i] ?? '';
    if (character === '"' && isQuoted && line[i + 1] === '"') i += 1;
    else if (character === '"') {
      isQuoted = !isQuoted;
      continue;
    } else if (character === ',' && !isQuoted) {
      cells.push('');
      continue;
    }
    cells.push((cells.pop() ?? '') + character);
  }
  return cells;
}
