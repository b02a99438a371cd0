import type { CallEngine } from './call-engine.ts';
import type { CallPlanner } from './call-plans.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Random } from './random.ts';

type TrafficDeps = { engine: CallEngine; planner: CallPlanner; clock: Clock; random: Random };

export type TrafficSettings = { callsPerMinute: number; timeScale: number };

/** Calls arrive as a Poisson process: independent callers who know nothing of each other. */
export class Traffic {
  readonly #deps: TrafficDeps;
  #callsPerMinute = 0;
  #nextAtMs = 0;
  #cancel: Cancel | null = null;

  constructor(deps: TrafficDeps) {
    this.#deps = deps;
  }

  set(settings: Partial<TrafficSettings>): TrafficSettings {
    if (settings.timeScale !== undefined) this.#deps.planner.timeScale = settings.timeScale;
    if (settings.callsPerMinute !== undefined) {
      this.stop();
      this.#callsPerMinute = settings.callsPerMinute;
      if (this.#callsPerMinute > 0) {
        this.#nextAtMs = this.#deps.clock.monotonicMs();
        this.#awaitNext();
      }
    }
    return this.settings;
  }

  get settings(): TrafficSettings {
    return { callsPerMinute: this.#callsPerMinute, timeScale: this.#deps.planner.timeScale };
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#callsPerMinute = 0;
  }

  /** Counted from when the last call was due, not from when its timer fired: a late timer must not lower the rate. */
  #awaitNext(): void {
    this.#nextAtMs += this.#deps.random.exponential(60_000 / this.#callsPerMinute);
    const delayMs = Math.max(0, this.#nextAtMs - this.#deps.clock.monotonicMs());
    this.#cancel = this.#deps.clock.after(delayMs, () => {
      const plan = this.#deps.planner.fromTraffic();
      if (plan) this.#deps.engine.start(plan);
      else this.#deps.engine.ledger.blocked();
      this.#awaitNext();
    });
  }
}
