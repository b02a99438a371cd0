/**
 * Counts what the PBX's own numbers say is missing within one connection. A 3CX numbers frames upwards over all DNs
 * (3cx.md §1.3); whether a frame for a DN that we may not see takes a number, too, nobody has recorded, so holes are
 * reported together and at most once a minute rather than each.
 */
export interface Holes {
  readonly holes: number;
  readonly missing: number;
}

const REPORT_EVERY_MS = 60_000;

export class SequenceWatch {
  #last: number | null = null;
  #holes = 0;
  #missing = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** A new connection: continuity over a reconnect is unknown, and the gap covers it anyway. */
  reset(): void {
    this.#last = null;
  }

  /** Returns what is to be reported now, or null. `isHole` says whether this very frame follows a hole. */
  observe(sequence: number | null, now: number): { isHole: boolean; report: Holes | null } {
    if (sequence === null) return { isHole: false, report: null };
    const expected = this.#last === null ? sequence : this.#last + 1;
    const isHole = sequence > expected;
    // A number that goes back is a repetition or garbage; following it down would make the next frame look like a hole.
    this.#last = this.#last === null ? sequence : Math.max(this.#last, sequence);
    if (isHole) {
      this.#holes += 1;
      this.#missing += sequence - expected;
    }
    if (this.#holes === 0 || now - this.#reportedAt < REPORT_EVERY_MS) return { isHole, report: null };
    const report = { holes: this.#holes, missing: this.#missing };
    this.#reportedAt = now;
    this.#holes = 0;
    this.#missing = 0;
    return { isHole, report };
  }
}
