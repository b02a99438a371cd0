export type Backoff = { nextMs(): number; reset(): void };

/** Doubles from one to thirty seconds; jittered, so that a hundred panels do not come back in the same instant. */
export function createBackoff(random: () => number = Math.random): Backoff {
  const firstMs = 1_000;
  const maxMs = 30_000;
  let ceilingMs = firstMs;
  return {
    nextMs() {
      const delayMs = ceilingMs * (0.5 + random() / 2);
      ceilingMs = Math.min(ceilingMs * 2, maxMs);
      return delayMs;
    },
    reset() {
      ceilingMs = firstMs;
    },
  };
}
