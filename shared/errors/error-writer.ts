import type { NewEntry } from '../log/entry.ts';
import { toDetails, toSafeText } from '../runtime/details.ts';
import { MAX_MESSAGE, type NewOccurrence, occurrenceEntry } from './error-event.ts';
import type { ErrorSink } from './error-sink.ts';
import { fingerprintOf } from './fingerprint.ts';
import { isSeverity, type Severity } from './severity.ts';

/**
 * The writing side of every service: from `logError` to one entry of channel `errors`.
 *
 * What repeats is counted, not written ten thousand times. Each fingerprint has a bucket: so many at once, then one now
 * and then. What the bucket refuses is remembered by its newest occurrence and a number; the next entry of this
 * fingerprint carries the number, and when none comes a timer writes that newest one. So one plus `suppressed`, summed
 * over the entries, is the number of calls, however fast they came.
 *
 * Many different errors at once are bounded, too: beyond `MAX_KINDS` fingerprints they share one bucket.
 */
export interface ErrorWriterOptions {
  readonly service: string;
  /** Takes the entry for channel `errors`; false when there is no room, and the occurrence is then counted. */
  readonly write: (entry: NewEntry) => boolean;
  readonly burst?: number;
  readonly refillMs?: number;
  readonly maxKinds?: number;
  readonly now?: () => number;
}

/** Enough to see each of a handful of broken frames with its bytes, few enough to bear in a storm. */
const BURST = 100;
const REFILL_MS = 10_000;
const MAX_KINDS = 1_000;
const LOOK_EVERY_MS = 1_000;
const MAX_COMPONENT = 50;
const OVERFLOW_COMPONENT = 'errors';

interface Kind {
  tokens: number;
  refilledAt: number;
  /** Counted and not written. */
  suppressed: number;
  /** The newest of them. */
  newest: { readonly at: number; readonly occurrence: NewOccurrence } | null;
}

export class ErrorWriter implements ErrorSink {
  readonly #options: Required<ErrorWriterOptions>;
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | undefined;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(options: ErrorWriterOptions) {
    this.#options = { burst: BURST, refillMs: REFILL_MS, maxKinds: MAX_KINDS, now: Date.now, ...options };
  }

  logError(component: string, severity: Severity, message: string, details?: unknown): void {
    try {
      this.#take(toOccurrence(this.#options.service, { component, severity, message, details }));
    } catch {
      // Who reports an error has trouble enough: nothing comes back from here.
    }
  }

  /** Writes what was only counted so far. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) this.#writeSuppressed(kind);
  }

  #take(occurrence: NewOccurrence): void {
    const at = this.#options.now();
    const kind = this.#kinds.get(occurrence.fingerprint) ?? this.#newKind(occurrence.fingerprint, at);
    if (!kind) {
      this.#takeOverflow(occurrence);
      return;
    }
    this.#refill(kind, at);
    if (kind.tokens >= 1 && this.#write(kind, { at, occurrence })) return;
    kind.suppressed += 1;
    kind.newest = { at, occurrence };
    this.#timer ??= setTimeout(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Undefined when there are too many different ones. */
  #newKind(fingerprint: string, at: number): Kind | undefined {
    if (this.#kinds.size >= this.#options.maxKinds) this.#forgetIdle(at);
    const isOverflow = fingerprint === OVERFLOW_FINGERPRINT;
    if (this.#kinds.size >= this.#options.maxKinds && !isOverflow) return undefined;
    const kind: Kind = { tokens: this.#options.burst, refilledAt: at, suppressed: 0, newest: null };
    this.#kinds.set(fingerprint, kind);
    return kind;
  }

  #takeOverflow(occurrence: NewOccurrence): void {
    const { component, message, details } = occurrence;
    this.#take({
      ...occurrence,
      component: OVERFLOW_COMPONENT,
      message: toSafeText(`more than ${this.#options.maxKinds} ${OVERFLOW_TEXT}: ${message}`, MAX_MESSAGE),
      details: { component, ...details },
      fingerprint: OVERFLOW_FINGERPRINT,
    });
  }

  #write(kind: Kind, { at, occurrence }: NonNullable<Kind['newest']>): boolean {
    if (!this.#options.write(occurrenceEntry(at, { ...occurrence, suppressed: kind.suppressed }))) return false;
    kind.tokens -= 1;
    kind.suppressed = 0;
    kind.newest = null;
    return true;
  }

  #refill(kind: Kind, now: number): void {
    const gained = Math.max(0, now - kind.refilledAt) / this.#options.refillMs;
    kind.tokens = Math.min(this.#options.burst, kind.tokens + gained);
    kind.refilledAt = now;
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#options.now();
    let isAnyLeft = false;
    for (const kind of this.#kinds.values()) {
      this.#refill(kind, now);
      if (kind.tokens >= 1) this.#writeSuppressed(kind);
      isAnyLeft ||= kind.suppressed > 0;
    }
    if (isAnyLeft) this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  #writeSuppressed(kind: Kind): void {
    if (!kind.newest) return;
    // The newest one is written itself, the number is that of the others.
    kind.suppressed -= 1;
    if (!this.#write(kind, kind.newest)) kind.suppressed += 1;
  }

  #forgetIdle(now: number): void {
    if (now - this.#sweptAt < LOOK_EVERY_MS) return;
    this.#sweptAt = now;
    for (const [fingerprint, kind] of this.#kinds) {
      this.#refill(kind, now);
      if (kind.suppressed === 0 && kind.tokens >= this.#options.burst) this.#kinds.delete(fingerprint);
    }
  }
}

const OVERFLOW_TEXT = 'different errors at once, of which this is one';
const OVERFLOW_FINGERPRINT = fingerprintOf(OVERFLOW_COMPONENT, OVERFLOW_TEXT);

function toOccurrence(
  service: string,
  error: { component: string; severity: Severity; message: string; details: unknown },
): NewOccurrence {
  const component = toSafeText(String(error.component), MAX_COMPONENT) || 'unknown';
  const text = String(error.message);
  // Of the whole message, before it is cut: where the cut falls depends on the numbers in front of it.
  const fingerprint = fingerprintOf(component, toSafeText(text, MAX_MESSAGE * 8));
  return {
    component,
    severity: isSeverity(error.severity) ? error.severity : 'error',
    message: toSafeText(text, MAX_MESSAGE) || '(no message)',
    details: toDetails(error.details),
    fingerprint,
    service,
    suppressed: 0,
  };
}
