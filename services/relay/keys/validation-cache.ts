import { keyIdOf, type Validation } from './validation.ts';

/**
 * What was recently found out about keys, by digest or by id, never by the key itself.
 *
 * Answers go stale after a few seconds but stay until they are displaced: while PostgreSQL is away a stale "yes" is
 * what keeps the clients that were known before from being cut off.
 */
export interface CachedValidation {
  readonly validation: Validation;
  readonly isFresh: boolean;
}

const POSITIVE_TTL_MS = 30_000;
const NEGATIVE_TTL_MS = 5_000;

export class ValidationCache {
  readonly #maxEntries: number;
  readonly #now: () => number;
  // Two maps: a stranger who tries keys displaces other strangers, never a client.
  readonly #accepted = new Map<string, { validation: Validation; until: number }>();
  readonly #refused = new Map<string, { validation: Validation; until: number }>();

  constructor(maxEntries: number, now: () => number) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  /** The keys that are remembered as valid. */
  keyIds(): Set<number> {
    const ids = [...this.#accepted.values()].map(({ validation }) => (validation.ok ? keyIdOf(validation.key) : null));
    return new Set(ids.filter(id => id !== null));
  }

  get(name: string): CachedValidation | undefined {
    const found = this.#accepted.get(name) ?? this.#refused.get(name);
    return found && { validation: found.validation, isFresh: this.#now() < found.until };
  }

  set(name: string, validation: Validation): void {
    this.#accepted.delete(name);
    this.#refused.delete(name);
    const entries = validation.ok ? this.#accepted : this.#refused;
    const ttlMs = validation.ok ? POSITIVE_TTL_MS : NEGATIVE_TTL_MS;
    entries.set(name, { validation, until: this.#now() + ttlMs });
    if (entries.size <= this.#maxEntries) return;
    const oldest = entries.keys().next();
    if (!oldest.done) entries.delete(oldest.value);
  }

  forgetKey(keyId: number): void {
    for (const [name, { validation }] of this.#accepted) {
      if (validation.ok && validation.key.id === keyId) this.#accepted.delete(name);
    }
  }

  /** What the store says of a key now, in the place of what was remembered of it. */
  learn(keyId: number, current: Validation): void {
    if (!current.ok) {
      this.forgetKey(keyId);
      return;
    }
    const until = this.#now() + POSITIVE_TTL_MS;
    for (const [name, { validation }] of this.#accepted) {
      if (validation.ok && validation.key.id === keyId) this.#accepted.set(name, { validation: current, until });
    }
  }
}
