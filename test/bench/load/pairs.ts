const FIRST_PAIRS = 2 ** 15;

export interface Pairs {
  add(first: number, second: number): void;
  all(): Generator<readonly [first: number, second: number]>;
  clear(): void;
}

/** A list of pairs that are no objects: to move so many of those about stops a process for longer than what it measures. */
export function createPairs(): Pairs {
  let numbers = new Float64Array(2 * FIRST_PAIRS);
  let used = 0;
  return {
    add(first, second) {
      if (used === numbers.length) {
        const larger = new Float64Array(2 * numbers.length);
        larger.set(numbers);
        numbers = larger;
      }
      numbers[used] = first;
      numbers[used + 1] = second;
      used += 2;
    },
    *all() {
      for (let i = 0; i < used; i += 2) yield [numbers[i] ?? 0, numbers[i + 1] ?? 0];
    },
    clear() {
      used = 0;
    },
  };
}
