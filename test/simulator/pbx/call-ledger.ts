import {
  type Call,
  type CallRecord,
  type Disposition,
  directionOf,
  dispositionOf,
  SCENARIOS,
  type ScenarioName,
} from './call.ts';

type Outcomes = Record<Disposition, number> & { started: number };
export type Totals = { started: number; ended: number; blocked: number; byScenario: Record<ScenarioName, Outcomes> };

const MAX_RECORDS = 100_000;
const TRIM_STEP = 10_000;

/**
 * What really happened, kept by the PBX for those who check a relay against it. Numbers grow over restarts; the oldest
 * records go first. The called DID appears only here and later in the CDR, because call control leaves it empty.
 */
export class CallLedger {
  #records: CallRecord[] = [];
  #lastN = 0;
  readonly #totals: Totals = {
    started: 0,
    ended: 0,
    blocked: 0,
    byScenario: Object.fromEntries(SCENARIOS.map(name => [name, noOutcomes()])) as Record<ScenarioName, Outcomes>,
  };

  started(scenario: ScenarioName): void {
    this.#totals.started++;
    this.#totals.byScenario[scenario].started++;
  }

  /** A caller who found no free extension: the traffic does not stack calls on busy people. */
  blocked(): void {
    this.#totals.blocked++;
  }

  ended(call: Call, how: { run: number; endedAt: number; cut: boolean }): void {
    const { plan, history } = call;
    const disposition = dispositionOf(call, how.cut);
    this.#totals.ended++;
    this.#totals.byScenario[plan.scenario][disposition]++;
    this.#records.push({
      n: ++this.#lastN,
      run: how.run,
      callid: call.callid,
      scenario: plan.scenario,
      direction: directionOf(plan.scenario),
      dn: plan.dn,
      number: plan.number,
      did: call.did,
      startedAt: call.startedAt,
      answeredAt: call.answeredAt,
      endedAt: how.endedAt,
      disposition,
      cut: how.cut,
      callHistoryId: history.isKept ? history.id : null,
      mainCallHistoryId: history.isKept ? history.mainId : null,
      transferredTo: call.transferredTo,
      queue: plan.scenario === 'queue' ? plan.distributor : null,
      ringGroup: plan.scenario === 'ringGroup' ? plan.distributor : null,
      targets: Object.fromEntries(call.targets),
    });
    if (this.#records.length > MAX_RECORDS + TRIM_STEP) this.#records = this.#records.slice(-MAX_RECORDS);
  }

  page(afterN: number, limit: number): { calls: CallRecord[]; first: number; last: number; next: number } {
    const first = this.#records[0]?.n ?? this.#lastN + 1;
    const from = Math.max(0, afterN + 1 - first);
    const calls = this.#records.slice(from, from + limit);
    return { calls, first, last: this.#lastN, next: calls.at(-1)?.n ?? Math.max(afterN, first - 1) };
  }

  get totals(): Totals {
    return this.#totals;
  }
}

function noOutcomes(): Outcomes {
  return { started: 0, answered: 0, missed: 0, abandoned: 0, busy: 0, cancelled: 0, failed: 0 };
}
