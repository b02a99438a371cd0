import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `ms`, or at once when the signal aborts: a loop then sees `signal.aborted` and ends. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  try {
    await delay(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

export interface Backoff {
  /** The wait before the next attempt, in ms, and grows the following one. */
  next(): number;
  /** Attempts since the last reset. */
  readonly attempts: number;
  /** Call when the thing proved healthy again, not merely when it connected. */
  reset(): void;
}

/**
 * Exponential backoff with equal jitter: half fixed, half random. Full jitter may retry at once, which a PBX that
 * is starting up does not deserve.
 */
export function createBackoff(
  limits: { firstMs: number; maxMs: number; factor?: number },
  random: () => number = Math.random,
): Backoff {
  let attempts = 0;
  return {
    next() {
      const ceilingMs = Math.min(limits.maxMs, limits.firstMs * (limits.factor ?? 2) ** attempts);
      attempts += 1;
      return Math.round(ceilingMs / 2 + (random() * ceilingMs) / 2);
    },
    get attempts() {
      return attempts;
    },
    reset() {
      attempts = 0;
    },
  };
}
