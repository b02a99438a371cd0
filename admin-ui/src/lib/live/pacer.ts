import { wait } from '@3cx-relay/shared/client/wait.ts';

/** How fast the past is shown: so many times as fast as it happened, or as fast as it can be read. */
export const SPEEDS = [1, 10, 60, Number.POSITIVE_INFINITY] as const;

export type Speed = (typeof SPEEDS)[number];

/** A quiet hour is not waited for. */
const MOST_MS = 2_000;

/** Holds entries of the past back until it is their turn. */
export class Pacer {
  #speed: Speed;
  #before: { readonly at: number; readonly shownAt: number } | null = null;
  readonly #now: () => number;

  constructor(speed: Speed, now: () => number = () => performance.now()) {
    this.#speed = speed;
    this.#now = now;
  }

  set speed(speed: Speed) {
    this.#speed = speed;
    this.#before = null;
  }

  /** Resolves when an entry of that time is due; at once when the signal ends. */
  async due(at: number, signal: AbortSignal): Promise<void> {
    const before = this.#before;
    const now = this.#now();
    const dueAt = before === null ? now : before.shownAt + (at - before.at) / this.#speed;
    const waitMs = Math.min(MOST_MS, dueAt - now);
    // Counted from when it was due and not from when it was shown: small delays do not add up.
    this.#before = { at, shownAt: waitMs === MOST_MS ? now + MOST_MS : Math.max(dueAt, now - MOST_MS) };
    if (waitMs > 0) await wait(waitMs, signal);
  }
}
