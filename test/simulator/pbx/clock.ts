export type Cancel = () => void;

/** Time as the simulator sees it. Every wait and every time stamp goes through it, so a test can own time. */
export type Clock = {
  /** Unix milliseconds, for what is shown. */
  now(): number;
  /** Never steps back; for pacing and deadlines. */
  monotonicMs(): number;
  after(delayMs: number, run: () => void): Cancel;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export type ManualClock = Clock & {
  /** Runs everything due within the span, in order of due time, each at its own time. */
  advance(spanMs: number): void;
};

type Appointment = { dueMs: number; order: number; run: () => void };

/** A clock that stands still until a test moves it. */
export function createManualClock(startAtMs = Date.UTC(2026, 0, 5, 9)): ManualClock {
  let elapsedMs = 0;
  let order = 0;
  const appointments = new Set<Appointment>();

  const nextDueBy = (limitMs: number): Appointment | undefined => {
    let next: Appointment | undefined;
    for (const each of appointments) {
      if (each.dueMs > limitMs) continue;
      if (!next || each.dueMs < next.dueMs || (each.dueMs === next.dueMs && each.order < next.order)) next = each;
    }
    return next;
  };

  return {
    now: () => startAtMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, run) {
      const appointment = { dueMs: elapsedMs + Math.max(0, delayMs), order: order++, run };
      appointments.add(appointment);
      return () => appointments.delete(appointment);
    },
    advance(spanMs) {
      const limitMs = elapsedMs + spanMs;
      for (let next = nextDueBy(limitMs); next; next = nextDueBy(limitMs)) {
        appointments.delete(next);
        elapsedMs = next.dueMs;
        next.run();
      }
      elapsedMs = limitMs;
    },
  };
}
