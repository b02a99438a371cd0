const SHOWN_DIGITS = 2;
/** A telephone number in a text: at least five digits, whatever stands between them. */
const NUMBER = /\+?\d(?:[\s().\-/]*\d){4,}/g;
/** They name a job or a time, and nobody can be called by them. */
const NO_NUMBERS: ReadonlySet<string> = new Set(['commandId', 'expiresAt', 'address']);

/** Telephone numbers but for their last two digits, in every text of a JSON value. */
export function maskNumbers(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map(maskNumbers);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    NO_NUMBERS.has(name) ? member : maskNumbers(member),
  ]);
  return Object.fromEntries(members);
}

export function maskText(text: string): string {
  return text.replace(NUMBER, number => `•••${number.replace(/\D/g, '').slice(-SHOWN_DIGITS)}`);
}
