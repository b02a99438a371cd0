import { decodeHealth, type Health } from './health.ts';
import { troublesOf } from './trouble.ts';

const EVERY_MS = 5_000;
/** While something is wrong, so that nobody waits for the news that it is right again. */
const IN_TROUBLE_EVERY_MS = 2_000;
/** The relay gives its own checks 1.5 s. */
const ANSWER_MS = 4_000;

/** Asks the relay every five seconds how it is, and more often while it is not well. */
export class HealthWatch {
  /** The last answer; null until there was one. */
  health = $state.raw<Health | null>(null);
  checkedAt = $state<number | null>(null);
  /** Since when the relay has not answered; null while it does. */
  unreachableSince = $state<number | null>(null);
  #stopping = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ask: () => Promise<void> = async () => {};

  /** `onVerdict` hears after every attempt whether the relay answered. */
  start(url: string, onVerdict: (isReachable: boolean) => void): void {
    this.stop();
    const { signal } = this.#stopping;
    let isAsking = false;
    this.#ask = async () => {
      if (isAsking) return;
      isAsking = true;
      clearTimeout(this.#timer);
      const answer = await readHealth(url, signal).catch(() => null);
      isAsking = false;
      // Stopped meanwhile, and perhaps started again: this answer is nobody's.
      if (signal.aborted) return;
      this.#take(answer);
      onVerdict(answer !== null);
      const isWell = answer !== null && troublesOf(answer).length === 0;
      this.#timer = setTimeout(this.#ask, isWell ? EVERY_MS : IN_TROUBLE_EVERY_MS);
    };
    void this.#ask();
  }

  /** Now, and not when it is due. */
  check(): void {
    void this.#ask();
  }

  stop(): void {
    this.#stopping.abort();
    this.#stopping = new AbortController();
    clearTimeout(this.#timer);
  }

  #take(answer: Health | null): void {
    if (answer === null) {
      this.unreachableSince ??= Date.now();
      return;
    }
    this.health = answer;
    this.checkedAt = Date.now();
    this.unreachableSince = null;
  }
}

/** A relay that is down says so with 503 and the same document. */
async function readHealth(url: string, signal: AbortSignal): Promise<Health | null> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    cache: 'no-store',
    credentials: 'same-origin',
  });
  return decodeHealth(await response.json());
}
