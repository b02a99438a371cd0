/**
 * Decides whether a service that failed may be asked again. After so many failures in a row nobody asks it for a while,
 * so that a dead one costs its callers nothing; then one caller asks on behalf of all, and its outcome counts.
 */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitLimits {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long nobody asks. */
  readonly openMs: number;
}

export class CircuitBreaker {
  readonly #limits: CircuitLimits;
  readonly #now: () => number;
  #failures = 0;
  #openUntil = 0;
  #isProbing = false;
  #reason = '';

  constructor(limits: CircuitLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get state(): CircuitState {
    if (this.#failures < this.#limits.failures) return 'closed';
    return this.#isProbing || this.#now() >= this.#openUntil ? 'half-open' : 'open';
  }

  /** The last failure, as a sentence. */
  get reason(): string {
    return this.#reason;
  }

  /** Ms until the next caller is let through; 0 when one may go now. */
  get waitMs(): number {
    return this.state === 'closed' ? 0 : Math.max(0, this.#openUntil - this.#now());
  }

  /** True when the caller may ask; it then owes `succeeded`, `failed` or `abandoned`. */
  admit(): boolean {
    const { state } = this;
    if (state === 'closed') return true;
    if (state === 'open' || this.#isProbing) return false;
    this.#isProbing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isProbing = false;
  }

  failed(reason: string): void {
    this.#failures += 1;
    this.#isProbing = false;
    this.#reason = reason;
    if (this.#failures >= this.#limits.failures) this.#openUntil = this.#now() + this.#limits.openMs;
  }

  /** The caller went away before there was an outcome. */
  abandoned(): void {
    this.#isProbing = false;
  }

  /** The next caller is let through at once: an operator asked for it. */
  retryNow(): void {
    this.#openUntil = 0;
  }
}
