/**
 * Of whom a refusal is put on record by his name: of each user so many a second at this instance. Beyond, he is counted
 * like a stranger (request-log.ts), so that nobody who is signed in decides how fast the log grows.
 */
export interface RefusedNames {
  mayName(userId: number): boolean;
}

const WINDOW_MS = 1_000;
const MAX_PER_WINDOW = 10;

export function createRefusedNames(now: () => number): RefusedNames {
  const named = new Map<number, number>();
  let windowEnds = 0;
  return {
    mayName(userId) {
      if (now() >= windowEnds) {
        named.clear();
        windowEnds = now() + WINDOW_MS;
      }
      const count = (named.get(userId) ?? 0) + 1;
      named.set(userId, count);
      return count <= MAX_PER_WINDOW;
    },
  };
}
