/** Numbers are compared from the end: one source writes the country code, another does not. */
const COMPARED_DIGITS = 8;

/** What one side does not say contradicts nothing. */
export function isSameNumber(one: string | null, other: string | null): boolean {
  return one === null || other === null || digitsOf(one) === digitsOf(other);
}

/** The last digits of a number, or of a text that ends with one; empty for a caller who hides his. */
export function digitsOf(text: string): string {
  return text.replace(/\D/g, '').slice(-COMPARED_DIGITS);
}
