import type { CallPlan, ScenarioName } from './call.ts';
import type { Directory } from './directory.ts';
import type { Random } from './random.ts';
import type { Switchboard } from './switchboard.ts';

type PlannerDeps = { directory: Directory; board: Switchboard; random: Random };
export type PlanWish = Partial<CallPlan> & { scenario: ScenarioName };

/**
 * How calls are distributed in a small office. Ring and talk times are log-normal, as call-centre studies find them;
 * the medians are ours and are given for `timeScale` 1. Nothing here is a claim about 3CX.
 */
const MIX: ReadonlyArray<readonly [ScenarioName, number]> = [
  ['inbound', 0.45],
  ['missed', 0.13],
  ['outbound', 0.27],
  ['internal', 0.15],
];
const ANSWER_PROBABILITY: Record<ScenarioName, number> = { inbound: 1, missed: 0, outbound: 0.74, internal: 0.8 };
const RING_MEDIAN_MS = 8_000;
const UNANSWERED_RING_MEDIAN_MS = 19_000;
const RING_SIGMA = 0.55;
const MAX_RING_MS = 60_000;
const TALK_MEDIAN_MS: Record<ScenarioName, number> = { inbound: 95_000, missed: 0, outbound: 75_000, internal: 40_000 };
const TALK_SIGMA = 0.85;
const MAX_TALK_MS = 3_600_000;

/** Fills in what a caller left open: who, with whom, how long. */
export class CallPlanner {
  readonly #deps: PlannerDeps;
  timeScale: number;

  constructor(deps: PlannerDeps, timeScale: number) {
    this.#deps = deps;
    this.timeScale = timeScale;
  }

  /** A call as traffic brings it, or null when every extension it could involve is on the phone. */
  fromTraffic(): CallPlan | null {
    const scenario = this.pickScenario();
    const free = this.#freeDns();
    if (free.length < (scenario === 'internal' ? 2 : 1)) return null;
    const plan = this.complete({ scenario });
    return { ...plan, answered: this.#deps.random.chance(ANSWER_PROBABILITY[scenario]) };
  }

  /** Given values are taken literally, even a busy extension (it has a second line); only drawn ones are scaled. */
  complete(wish: PlanWish): CallPlan {
    const { directory, random } = this.#deps;
    const { scenario } = wish;
    const dn = wish.dn ?? this.#freeDn(wish.number);
    const answered = wish.answered ?? scenario !== 'missed';
    const ringMedianMs = answered ? RING_MEDIAN_MS : UNANSWERED_RING_MEDIAN_MS;
    return {
      scenario,
      dn,
      number: wish.number ?? (scenario === 'internal' ? this.#freeDn(dn) : directory.outsideNumber(random)),
      answered,
      ringMs: wish.ringMs ?? this.#scaled(Math.min(random.logNormal(ringMedianMs, RING_SIGMA), MAX_RING_MS)),
      talkMs:
        wish.talkMs ?? this.#scaled(Math.min(random.logNormal(TALK_MEDIAN_MS[scenario], TALK_SIGMA), MAX_TALK_MS)),
    };
  }

  pickScenario(): ScenarioName {
    let draw = this.#deps.random.unit();
    for (const [scenario, share] of MIX) {
      draw -= share;
      if (draw < 0) return scenario;
    }
    return 'inbound';
  }

  #scaled(spanMs: number): number {
    return Math.round(spanMs * this.timeScale);
  }

  #freeDns(): string[] {
    return this.#deps.directory.dns.filter(dn => !this.#deps.board.isBusy(dn));
  }

  #freeDn(otherThan: string | undefined): string {
    const free = this.#freeDns().filter(dn => dn !== otherThan);
    return this.#deps.random.pick(free.length > 0 ? free : this.#deps.directory.dns.filter(dn => dn !== otherThan));
  }
}
