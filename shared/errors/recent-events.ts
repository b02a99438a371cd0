import type { ErrorEvent } from './error-event.ts';

/**
 * The newest entries of channel `errors`, at most so many, in log order whatever the order of arrival. What was pushed
 * out is remembered by its position, so that one can tell whether everything behind a position is still here.
 */
export class RecentEvents {
  readonly #max: number;
  #events: ErrorEvent[] = [];
  #lostUntil = '';

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#events.length;
  }

  /** False when it is here already, or older than all that is kept. */
  add(event: ErrorEvent): boolean {
    if (event.id <= this.#lostUntil) return false;
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.id ?? '') > event.id) place -= 1;
    if (place > 0 && this.#events[place - 1]?.id === event.id) return false;
    if (place === this.#events.length) this.#events.push(event);
    else this.#events.splice(place, 0, event);
    // In halves of a tenth rather than one by one: cutting off the front moves all the rest.
    if (this.#events.length > this.#max * 1.1) this.#cut();
    return true;
  }

  /** What lies behind `position`; all of it when there is none. */
  after(position: string | null): readonly ErrorEvent[] {
    if (this.#events.length > this.#max) this.#cut();
    // A copy: whoever asks may still be at work when more comes.
    if (position === null) return this.#events.slice();
    const first = this.#events.findIndex(event => event.id > position);
    return first < 0 ? [] : this.#events.slice(first);
  }

  /** True when nothing behind `position` was pushed out. */
  isWholeAfter(position: string | null): boolean {
    return this.#lostUntil === '' || (position !== null && position >= this.#lostUntil);
  }

  /** Entries up to this one were never read: the log held more than is kept. */
  skipUntil(position: string): void {
    if (position > this.#lostUntil) this.#lostUntil = position;
  }

  clear(): void {
    this.#events = [];
    this.#lostUntil = '';
  }

  #cut(): void {
    const gone = this.#events.splice(0, this.#events.length - this.#max);
    const last = gone.at(-1);
    if (last) this.skipUntil(last.id);
  }
}
