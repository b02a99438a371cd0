import type { Observed } from '../call-model/advance.ts';
import { phaseOfStatus } from '../call-model/transitions.ts';

/**
 * Since when somebody whom the model does not know may have been there. A call whose start is given wrongly is not found
 * in the PBX's records, and is told a second time by them.
 *
 * Everybody was known when a snapshot was last taken in, and has told of himself by a frame since, even when his entity
 * could not be had; a frame can be lost.
 */
export class FirstSigns {
  readonly #sameMomentMs: number;
  /** Unix ms; null while nobody has looked at what was there before the connection. */
  #lookedAt: number | null = null;
  readonly #unresolved = new Map<string, number>();

  /** `sameMomentMs`: what is so long ago was just now. */
  constructor({ sameMomentMs }: { sameMomentMs: number }) {
    this.#sameMomentMs = sameMomentMs;
  }

  /** A frame told of a participant that could not be had. */
  unresolved(key: string, at: number): void {
    if (!this.#unresolved.has(key)) this.#unresolved.set(key, at);
  }

  gone(key: string): void {
    this.#unresolved.delete(key);
  }

  connectionLost(): void {
    this.#lookedAt = null;
    this.#unresolved.clear();
  }

  /** A snapshot was taken in; of those in `touched` frames tell more. */
  looked(at: number, touched: ReadonlySet<string>): void {
    this.#lookedAt = at;
    for (const key of this.#unresolved.keys()) if (!touched.has(key)) this.#unresolved.delete(key);
  }

  /** For what a frame tells. Whoever is in the middle of a call when he is first seen has been there before we looked. */
  inFrame({ key, status }: { key: string; status: string }, at: number): Observed {
    const signAt = this.#unresolved.get(key);
    this.#unresolved.delete(key);
    const phase = phaseOfStatus(status);
    const mayBeOld = this.#lookedAt === null && (phase === 'connected' || phase === 'held');
    if (mayBeOld) return { at, isWatched: true, startedAt: null };
    return { at, isWatched: true, ...(signAt === undefined ? {} : { startedAt: signAt }) };
  }

  /** For what a snapshot tells: with the looks near each other it was just now, else nobody knows when. */
  inSnapshot(key: string, at: number, { isAfterGap }: { isAfterGap: boolean }): Observed {
    if (isAfterGap) return { at, isWatched: false };
    const signAt = this.#unresolved.get(key);
    const since = signAt ?? this.#lookedAt ?? Number.NEGATIVE_INFINITY;
    return {
      at,
      isWatched: at - since <= this.#sameMomentMs,
      ...(signAt === undefined ? {} : { startedAt: signAt }),
    };
  }
}
