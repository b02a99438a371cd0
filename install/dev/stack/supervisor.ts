import { setTimeout as sleep } from 'node:timers/promises';
import type { Exit } from '../system/child.ts';
import { fail, formatDuration, paint, say, warn } from '../terminal.js';

/** Something with a process that ends, by itself or when asked. */
export type Supervised = {
  pid: number | undefined;
  exited: Promise<Exit>;
  stop(): Promise<void>;
};

export type SupervisorOptions<T extends Supervised> = {
  name: string;
  start(): Promise<T>;
  onChange(): void;
};

const firstDelayMs = 500;
const maxDelayMs = 10_000;
/** Whoever ran this long was healthy: the next failure starts again with the short delay. */
const healthyAfterMs = 30_000;

/**
 * Keeps one process running. A process that dies is started again after a delay that doubles up to ten seconds, and
 * every change of state is one line on the console.
 */
export class Supervisor<T extends Supervised> {
  readonly #options: SupervisorOptions<T>;
  readonly #stopping = new AbortController();
  #current: T | undefined;
  #starting: Promise<T> | undefined;
  #delayMs = firstDelayMs;
  #isKept = false;
  /** Processes that are ended on purpose, so that their end is not news. */
  readonly #dismissed = new WeakSet<T>();

  constructor(options: SupervisorOptions<T>) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#current?.pid;
  }

  /** The first start: a failure is the caller's to report, and so is an end before `keepRunning`. */
  async start(): Promise<T> {
    return this.#launch();
  }

  /** From now on an end is repaired. */
  keepRunning(): void {
    this.#isKept = true;
  }

  async restart(reason: string): Promise<void> {
    const current = this.#current;
    if (current === undefined || this.#stopping.signal.aborted) return;
    const startedAt = Date.now();
    this.#dismissed.add(current);
    await current.stop();
    if (this.#stopping.signal.aborted) return;
    await this.#launch();
    say(
      `  ${paint('cyan', '↻')} ${this.name.padEnd(12)} restarted in ${formatDuration(Date.now() - startedAt)}: ${reason}`,
    );
  }

  /** Resolves when the process is gone; nothing is started afterwards. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting?.catch(() => {});
    await this.#current?.stop();
    this.#current = undefined;
  }

  async #launch(): Promise<T> {
    const startedAt = Date.now();
    this.#starting = this.#options.start();
    const launched = await this.#starting;
    this.#current = launched;
    this.#options.onChange();
    void launched.exited.then(exit => this.#onExit(launched, exit, Date.now() - startedAt));
    return launched;
  }

  async #onExit(ended: T, exit: Exit, livedMs: number): Promise<void> {
    if (this.#stopping.signal.aborted || this.#dismissed.has(ended)) return;
    this.#current = undefined;
    if (!this.#isKept) return;
    this.#options.onChange();
    if (livedMs >= healthyAfterMs) this.#delayMs = firstDelayMs;
    fail(`${this.name} ended (${exit.signal ?? `exit code ${exit.code}`})`);
    await this.#startAgain();
  }

  async #startAgain(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const delayMs = this.#delayMs;
      this.#delayMs = Math.min(delayMs * 2, maxDelayMs);
      await sleep(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return;
      try {
        const { pid } = await this.#launch();
        warn(`${this.name} started again after ${formatDuration(delayMs)} (pid ${pid})`);
        return;
      } catch (error) {
        fail(`${this.name} could not be started: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
