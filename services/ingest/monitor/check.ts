import type { ComponentState } from '@3cx-relay/shared/jobs/component-state.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';

/** What one look at a component came to. */
export interface CheckOutcome {
  readonly state: ComponentState;
  readonly latencyMs: number | null;
  /** A sentence that stays the same while nothing changes; null when all is well. */
  readonly error: string | null;
}

export interface CheckLimits {
  /** A question that has not come back by then counts as unanswered. */
  readonly deadlineMs: number;
  /** An answer that took longer is `degraded`. */
  readonly slowMs: number;
  /** After this a question that never came back is forgotten, and a new one is asked. */
  readonly writeOffMs: number;
}

const LIMITS: CheckLimits = { deadlineMs: 2_000, slowMs: 1_000, writeOffMs: 30_000 };

/** Of what is `degraded` for its slowness alone. */
export const SLOW = 'slow to answer';

/**
 * Asks within a deadline, one question at a time: while the last one hangs no other is sent after it, because a server
 * that froze would otherwise find hundreds when it wakes up, each with a connection of its own. But a question may also
 * be lost for good, and must not blind the monitor for ever.
 */
export function createCheck(
  ask: (signal: AbortSignal) => Promise<unknown>,
  limits: CheckLimits = LIMITS,
): () => Promise<CheckOutcome> {
  let hanging: { since: number; sentence: string } | null = null;
  return async () => {
    const startedAt = performance.now();
    if (hanging && startedAt - hanging.since < limits.writeOffMs) {
      return down(hanging.sentence);
    }
    const question = { since: startedAt, sentence: `no answer since ${new Date().toISOString()}` };
    hanging = question;
    const deadline = new AbortController();
    const { promise: tooLate, resolve } = Promise.withResolvers<CheckOutcome>();
    const timer = setTimeout(() => {
      resolve(down(`no answer within ${limits.deadlineMs} ms`));
      deadline.abort();
    }, limits.deadlineMs);
    const answer = answered(ask, deadline.signal, limits).finally(() => {
      if (hanging === question) hanging = null;
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  };
}

async function answered(
  ask: (signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
  limits: CheckLimits,
): Promise<CheckOutcome> {
  const startedAt = performance.now();
  try {
    await ask(signal);
  } catch (error) {
    return down(messageOf(error));
  }
  const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10;
  if (latencyMs <= limits.slowMs) return { state: 'up', latencyMs, error: null };
  return { state: 'degraded', latencyMs, error: SLOW };
}

export function down(error: string): CheckOutcome {
  return { state: 'down', latencyMs: null, error };
}

export const ABSENT: CheckOutcome = { state: 'absent', latencyMs: null, error: null };
