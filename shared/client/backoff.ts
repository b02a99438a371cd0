export interface Backoff {
  nextMs(): number;
  reset(): void;
}

export interface BackoffOptions {
  /** Ceiling of the first wait; it doubles with each. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Exponential with full jitter: a crowd that lost its relay in one instant comes back spread over the whole wait. */
export function createBackoff({ firstMs, maxMs }: BackoffOptions, random: () => number = Math.random): Backoff {
  let ceilingMs = firstMs;
  return {
    nextMs() {
      const waitMs = random() * ceilingMs;
      ceilingMs = Math.min(ceilingMs * 2, maxMs);
      return waitMs;
    },
    reset() {
      ceilingMs = firstMs;
    },
  };
}
