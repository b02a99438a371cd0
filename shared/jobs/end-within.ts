import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for an ending, but not on a Redis that does not answer: BullMQ says goodbye with commands that wait for ever.
 * Nothing is lost by leaving: a job whose end was not recorded runs once more, and every job here may.
 */
export async function endWithin(ending: Promise<unknown>, limitMs: number): Promise<void> {
  const timer = new AbortController();
  const tooLate = delay(limitMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([ending.catch(() => undefined), tooLate]);
  timer.abort();
}
