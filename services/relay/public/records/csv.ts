/**
 * CSV as RFC 4180 wants it, and safe to open in a spreadsheet: there a cell that begins with = + - @, a tab or a line
 * break is a formula, whoever wrote it, and the name of a caller is written by the caller.
 *
 * Such a cell gets an apostrophe in front, which a spreadsheet takes as "this is text" and a person can read over. A plain
 * number is left alone. A telephone number is not plain: with its + it would be computed, so it is "'+49301234567". The
 * same goes for what follows a semicolon, a tab or a line break inside a cell: a spreadsheet that is set to another
 * separator begins a new cell there, quotes or not.
 */
const FORMULA = '=+\\-@\uFF1D\uFF0B\uFF0D\uFF20';
const AT_START = new RegExp(`^(?=[\\p{Z}\\p{Cf}]*[${FORMULA}\\t\\r\\n])`, 'u');
const INSIDE = new RegExp(`(?<=[;\\t\\r\\n])(?=["\\p{Z}\\p{Cf}]*[${FORMULA}])`, 'gu');
const PLAIN_NUMBER = /^-?\d+(\.\d+)?$/;
const NEEDS_QUOTES = /[",;\t\r\n']|^\s|\s$/;

export type CsvValue = string | number | boolean | null;

/** One line with its end. */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(csvCell).join(',')}\r\n`;
}

/** Null is an empty cell. */
function csvCell(value: CsvValue): string {
  if (value === null) return '';
  const text = String(value);
  const safe = PLAIN_NUMBER.test(text) ? text : text.replace(INSIDE, "'").replace(AT_START, "'");
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
