import type { Message } from './messages.ts';

const MAX_ROWS = 500;

/**
 * The newest events, newest first. While it is paused the rows stand still and what arrives is counted and kept, as many
 * as there are rows: resuming then shows an unbroken list whose oldest rows have left, never one with a hole.
 */
export class EventTail {
  rows = $state.raw<readonly Message[]>([]);
  isPaused = $state(false);
  newCount = $state(0);
  #held: readonly Message[] = [];

  /** In the order of the log. */
  add(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    if (!this.isPaused) {
      this.rows = newestFirst(this.rows, messages);
      return;
    }
    this.#held = newestFirst(this.#held, messages);
    this.newCount += messages.length;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.rows = [...this.#held, ...this.rows].slice(0, MAX_ROWS);
    this.#held = [];
    this.newCount = 0;
  }

  toggle(): void {
    if (this.isPaused) this.resume();
    else this.pause();
  }
}

function newestFirst(rows: readonly Message[], arrived: readonly Message[]): Message[] {
  return [...arrived.slice(-MAX_ROWS).reverse(), ...rows].slice(0, MAX_ROWS);
}
