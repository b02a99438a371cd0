import { setTimeout as sleep } from 'node:timers/promises';

export type WaitOptions = {
  /** What is awaited, as it should stand after "waited 5000 ms for". */
  what: string;
  timeoutMs?: number;
  /** How often it is looked; often at first and ever less unless told, so that who waits long takes little of the machine. */
  everyMs?: number;
};

/** What comes at all comes within this, on a machine with twice as much to do as it can; only a failure takes so long. */
const PATIENCE_MS = 25_000;
const PAUSE = { firstMs: 10, growth: 1.5, maxMs: 120 };

/** Resolves with the first value that is neither false, null nor undefined; a condition that throws is not met yet. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? PATIENCE_MS;
  const deadline = Date.now() + timeoutMs;
  let pauseMs = options.everyMs ?? PAUSE.firstMs;
  let lastError: unknown;
  do {
    try {
      const value = await condition();
      if (isMet(value)) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await sleep(pauseMs);
    if (options.everyMs === undefined) pauseMs = Math.min(PAUSE.maxMs, pauseMs * PAUSE.growth);
  } while (Date.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms for ${options.what}`, lastError === undefined ? {} : { cause: lastError });
}

function isMet<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined;
}
