/** What stands for itself nowhere but in a value: the backslash, and what ends a value or a line. */
const SPECIAL = /[\\\t\n\r]/;
const EACH_SPECIAL = /[\\\t\n\r]/g;
const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const NULL = '\\N';

/** A row in the text format of PostgreSQL's COPY (manual, "COPY": Text Format), with its line end. */
export function toCopyLine(values: readonly (string | number | null)[]): string {
  return `${values.map(toCopyValue).join('\t')}\n`;
}

function toCopyValue(value: string | number | null): string {
  if (value === null) return NULL;
  const text = String(value);
  // Most values have nothing to escape, and looking is cheaper than replacing.
  return SPECIAL.test(text) ? text.replace(EACH_SPECIAL, character => ESCAPED[character] ?? character) : text;
}

/** As PostgreSQL reads a `timestamptz`; null for what is no time, which it would take for one: it knows infinity. */
export function toCopyTime(unixMs: number): string | null {
  const time = new Date(unixMs);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
