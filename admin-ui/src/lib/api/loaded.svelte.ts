import { isAbort } from './admin-api.ts';
import { type AdminProblem, toAdminProblem } from './admin-problem.ts';

/**
 * Something that is read from the relay, as state: what is there, whether more is on its way, and what went wrong. What
 * was read before stays while it is read again and when that fails, so that a page does not fall back to nothing.
 */
export class Loaded<Value> {
  value = $state.raw<Value | null>(null);
  problem = $state.raw<AdminProblem | null>(null);
  isLoading = $state(false);
  /** Unix ms of the last success. */
  readAt = $state<number | null>(null);
  readonly #read: (signal: AbortSignal) => Promise<Value>;
  #running: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(read: (signal: AbortSignal) => Promise<Value>) {
    this.#read = read;
  }

  /** Reads now. Of two that overlap only the later one counts. */
  async load(): Promise<void> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.isLoading = true;
    try {
      const value = await this.#read(running.signal);
      if (running.signal.aborted) return;
      this.value = value;
      this.problem = null;
      this.readAt = Date.now();
    } catch (error) {
      if (running.signal.aborted || isAbort(error)) return;
      this.problem = toAdminProblem(error);
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.isLoading = false;
      }
    }
  }

  /** Reads now and again, `everyMs` after each answer, while the page is seen. Returns what ends it: for an effect. */
  keepLoading(everyMs: number): () => void {
    let isOver = false;
    const round = async () => {
      if (!document.hidden) await this.load();
      if (!isOver) this.#timer = setTimeout(round, everyMs);
    };
    const onVisible = () => {
      if (document.hidden) return;
      clearTimeout(this.#timer);
      void round();
    };
    document.addEventListener('visibilitychange', onVisible);
    void round();
    return () => {
      isOver = true;
      document.removeEventListener('visibilitychange', onVisible);
      this.stop();
    };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
  }
}
