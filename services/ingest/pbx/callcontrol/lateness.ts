/**
 * Since when what is read from the PBX may have waited for us. A process that stood still, or that held the PBX back,
 * reads what was sent long ago as if it had come just now; when the connection is then lost, what is missing was sent
 * since it stood still, not since the last frame was read.
 *
 * The answer to a ping comes behind everything that was sent before it: one that was asked after standing still says that
 * nothing of it is left. The ping carries its time for that.
 */
export class Lateness {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  #tickAt: number;
  #since: number | null = null;
  #isPaused = false;
  /** A ping of this moment or later shows that all was read. */
  #freshFrom = 0;

  /** `now`: Unix ms. */
  constructor(now: () => number) {
    this.#now = now;
    this.#tickAt = now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Unix ms; null while everything is read as it comes. */
  get since(): number | null {
    // What was sent meanwhile may be read before the timer runs.
    this.#tick();
    return this.#since;
  }

  paused(): void {
    this.#since ??= this.#now();
    this.#isPaused = true;
  }

  resumed(): void {
    this.#isPaused = false;
    this.#freshFrom = this.#now();
  }

  /** What a ping carries. */
  question(): string {
    return String(this.#now());
  }

  /** `question` came back. */
  answered(question: string): void {
    this.#tick();
    if (this.#isPaused || question === '') return;
    if (Number(question) >= this.#freshFrom) this.#since = null;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const at = this.#now();
    if (at - this.#tickAt > STOOD_STILL_MS) {
      this.#since ??= this.#tickAt;
      this.#freshFrom = at;
    }
    this.#tickAt = at;
  }
}

const TICK_MS = 200;
/** Of less the gap takes account already: a frame may be under way for so long. */
const STOOD_STILL_MS = 1_000;
