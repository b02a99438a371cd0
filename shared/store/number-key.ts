/** What two spellings of a telephone number have in common: its digits, without the + or 00 of an international one. */
export function toNumberKey(number: string): string {
  return number.replace(/\D/g, '').replace(/^00/, '');
}
