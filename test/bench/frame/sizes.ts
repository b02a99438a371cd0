/** `10,100,1000` as numbers, smallest first. */
export function sizes(name: string, text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (!numbers.every(number => Number.isInteger(number) && number > 0)) {
    throw new Error(`--${name} takes whole numbers with commas between them, such as 10,100,1000, not "${text}"`);
  }
  return numbers.sort((one, other) => one - other);
}
