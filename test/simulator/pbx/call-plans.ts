import type { CallPlan, ScenarioName } from './call.ts';
import type { Directory, Distributor } from './directory.ts';
import type { Random } from './random.ts';
import type { Switchboard } from './switchboard.ts';

type PlannerDeps = {
  directory: Directory;
  board: Switchboard;
  random: Random;
  /** Where a prompt is played: the route point of an API client. */
  routePoint: string;
};

export type PlanWish = Partial<Omit<CallPlan, 'distributor'>> & {
  scenario: ScenarioName;
  queue?: string;
  ringGroup?: string;
  /** The agent who answers. */
  answeredBy?: string;
};

type Mix = ReadonlyArray<readonly [ScenarioName, number]>;

/**
 * How calls are distributed in a small office. Ring and talk times are log-normal, as call-centre studies find them;
 * the medians and shares are ours, the medians for `timeScale` 1. Nothing here is a claim about 3CX.
 */
const OFFICE_MIX: Mix = [
  ['inbound', 0.3],
  ['missed', 0.09],
  ['outbound', 0.2],
  ['internal', 0.12],
  ['queue', 0.11],
  ['ringGroup', 0.06],
  ['transfer', 0.04],
  ['busy', 0.03],
  ['consult', 0.02],
  ['dtmf', 0.02],
  ['failed', 0.01],
];
/** A burst plays calls of at most two legs and one callid, which its accounts rely on. */
export const BURST_MIX: Mix = [
  ['inbound', 0.45],
  ['missed', 0.13],
  ['outbound', 0.27],
  ['internal', 0.15],
];

const ANSWER_PROBABILITY: Partial<Record<ScenarioName, number>> = {
  outbound: 0.74,
  internal: 0.8,
  queue: 0.85,
  ringGroup: 0.85,
};
const NEVER_ANSWERED: ReadonlySet<ScenarioName> = new Set(['missed', 'busy', 'failed']);
const RING_MEDIAN_MS = 8_000;
const UNANSWERED_RING_MEDIAN_MS = 19_000;
/** A busy tone or "no route" comes back at once. */
const REFUSED_RING_MEDIAN_MS = 2_500;
const RING_SIGMA = 0.55;
const MAX_RING_MS = 60_000;
const TALK_MEDIAN_MS: Partial<Record<ScenarioName, number>> = { inbound: 95_000, outbound: 75_000, internal: 40_000 };
const OTHER_TALK_MEDIAN_MS = 90_000;
const TALK_SIGMA = 0.85;
const MAX_TALK_MS = 3_600_000;
const ANOTHER_ROUND_PROBABILITY = 0.3;
const PAUSE_MS = 1_000;
const PAUSE_MEDIAN_MS = 12_000;
/** Callers who hear a menu before they reach a phone, and those who find all agents of a queue on the phone. */
const WAIT_PROBABILITY: Partial<Record<ScenarioName, number>> = {
  inbound: 0.3,
  missed: 0.3,
  transfer: 0.3,
  queue: 0.5,
};
const WAIT_MEDIAN_MS = 15_000;
const WAIT_SIGMA = 0.8;
const MAX_WAIT_MS = 600_000;

/** Fills in what a caller left open: who, with whom, how long. */
export class CallPlanner {
  readonly #deps: PlannerDeps;
  timeScale: number;

  constructor(deps: PlannerDeps, timeScale: number) {
    this.#deps = deps;
    this.timeScale = timeScale;
  }

  /** A call as traffic brings it, or null when every extension it could involve is on the phone. */
  fromTraffic(mix: Mix = OFFICE_MIX): CallPlan | null {
    const { random } = this.#deps;
    const scenario = this.#drawFrom(mix);
    const needed = scenario === 'internal' || scenario === 'transfer' || scenario === 'consult' ? 2 : 1;
    if (this.#freeDns().length < needed) return null;
    const probability = NEVER_ANSWERED.has(scenario) ? 0 : (ANSWER_PROBABILITY[scenario] ?? 1);
    const waitMs = mix === BURST_MIX ? 0 : this.#drawWait(scenario);
    const pauseMs = this.#scaled(Math.min(random.logNormal(PAUSE_MEDIAN_MS, WAIT_SIGMA), MAX_WAIT_MS));
    const wish: PlanWish = { scenario, answered: random.chance(probability), waitMs, pauseMs };
    if (scenario !== 'queue' && scenario !== 'ringGroup') return this.complete(wish);
    const distributor = this.#distributorOf(wish);
    if (distributor.agents.every(dn => this.#deps.board.isBusy(dn))) return null;
    return this.complete({ ...wish, [scenario]: distributor.dn });
  }

  /** Given values are taken literally, even a busy extension (it has a second line); only drawn ones are scaled. */
  complete(wish: PlanWish): CallPlan {
    const { directory, random } = this.#deps;
    const { scenario } = wish;
    const group = this.#groupOf(wish);
    const dn = group?.dn ?? wish.dn ?? (scenario === 'prompt' ? this.#deps.routePoint : this.#freeDn(wish.number));
    const answered = wish.answered ?? !NEVER_ANSWERED.has(scenario);
    const isRefused = scenario === 'busy' || scenario === 'failed';
    const ringMedianMs = isRefused ? REFUSED_RING_MEDIAN_MS : answered ? RING_MEDIAN_MS : UNANSWERED_RING_MEDIAN_MS;
    const talkMedianMs = TALK_MEDIAN_MS[scenario] ?? OTHER_TALK_MEDIAN_MS;
    const handsOn = scenario === 'transfer' || scenario === 'consult';
    return {
      scenario,
      dn,
      number: wish.number ?? (scenario === 'internal' ? this.#freeDn(dn) : directory.outsideNumber(random)),
      answered,
      waitMs: wish.waitMs ?? 0,
      ringMs: wish.ringMs ?? this.#scaled(Math.min(random.logNormal(ringMedianMs, RING_SIGMA), MAX_RING_MS)),
      talkMs: wish.talkMs ?? this.#scaled(Math.min(random.logNormal(talkMedianMs, TALK_SIGMA), MAX_TALK_MS)),
      distributor: group?.distributor ?? null,
      agents: group?.agents ?? [],
      busyAgents: group?.busyAgents ?? [],
      rounds: wish.rounds ?? (scenario === 'queue' && random.chance(ANOTHER_ROUND_PROBABILITY) ? 1 : 0),
      pauseMs: wish.pauseMs ?? PAUSE_MS,
      removeFirst: wish.removeFirst ?? (group !== null && random.chance(0.5)),
      transferTo: wish.transferTo ?? (handsOn ? this.#freeDn(dn) : null),
      transferAnswered: wish.transferAnswered ?? true,
      digits: wish.digits ?? (scenario === 'dtmf' ? String(random.below(10)) : ''),
      segments: wish.segments ?? 0,
    };
  }

  #groupOf(wish: PlanWish) {
    if (wish.scenario !== 'queue' && wish.scenario !== 'ringGroup') return null;
    const { board, random } = this.#deps;
    const distributor = this.#distributorOf(wish);
    const all = wish.agents ?? distributor.agents;
    const free = all.filter(dn => !board.isBusy(dn));
    // Named agents ring even when they are busy, as a named extension does; so does a team without anybody free.
    const agents = wish.agents !== undefined || free.length === 0 ? all : free;
    const dn = wish.answeredBy ?? wish.dn ?? random.pick(agents);
    return {
      dn,
      distributor: distributor.dn,
      agents: agents.includes(dn) ? agents : [...agents, dn],
      busyAgents: wish.busyAgents ?? all.filter(each => !agents.includes(each) && each !== dn),
    };
  }

  #distributorOf({ scenario, queue, ringGroup }: PlanWish): Distributor {
    const { directory, random } = this.#deps;
    const list = scenario === 'queue' ? directory.queues : directory.ringGroups;
    return list.get((scenario === 'queue' ? queue : ringGroup) ?? '') ?? random.pick([...list.values()]);
  }

  #drawFrom(mix: Mix): ScenarioName {
    let draw = this.#deps.random.unit();
    for (const [scenario, share] of mix) {
      draw -= share;
      if (draw < 0) return scenario;
    }
    return 'inbound';
  }

  #drawWait(scenario: ScenarioName): number {
    const { random } = this.#deps;
    if (!random.chance(WAIT_PROBABILITY[scenario] ?? 0)) return 0;
    return this.#scaled(Math.min(random.logNormal(WAIT_MEDIAN_MS, WAIT_SIGMA), MAX_WAIT_MS));
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
