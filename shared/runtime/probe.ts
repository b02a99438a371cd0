import { messageOf } from './operator-error.ts';
import { sleep } from './retry.ts';
import { SILENT_AFTER_MS } from './silence.ts';

/**
 * Asks a server every second whether it answers, and says so only when it was silent for longer: a restart that nobody
 * would notice must not take the process out of service.
 */
export interface Probe {
  /** Why the process cannot do its work; empty while all is well. */
  reasons(): string[];
  /** A question that is still open is not waited for. */
  stop(): void;
}

export interface ProbeOptions {
  readonly name: string;
  readonly check: () => Promise<unknown>;
  readonly everyMs?: number;
  readonly now?: () => number;
}

const EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;

export function createProbe(options: ProbeOptions): Probe {
  const now = options.now ?? (() => performance.now());
  const stopping = new AbortController();
  let lastAnswerAt = now();
  let problem = '';

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await withinLimit(options.check());
        lastAnswerAt = now();
      } catch (error) {
        problem = messageOf(error);
      }
      await sleep(options.everyMs ?? EVERY_MS, stopping.signal);
    }
  }

  void run();
  return {
    reasons() {
      const silentMs = now() - lastAnswerAt;
      if (silentMs < SILENT_AFTER_MS) return [];
      return [`${options.name} has not answered for ${Math.round(silentMs / 1_000)} s: ${problem || 'no answer yet'}`];
    },
    stop() {
      stopping.abort();
    },
  };
}

/** A frozen server answers nothing at all: the question must end without it. */
async function withinLimit(answer: Promise<unknown>): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS);
  try {
    await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
