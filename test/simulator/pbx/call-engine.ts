import type { Call, CallPlan, Signal } from './call.ts';
import { CallLedger, pickDid } from './call-ledger.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Directory } from './directory.ts';
import type { Random } from './random.ts';
import { SCRIPTS, type Script } from './scenarios.ts';
import type { Switchboard } from './switchboard.ts';

type EngineDeps = { board: Switchboard; directory: Directory; clock: Clock; random: Random };

/** A call in progress. `byHand`: a burst takes its steps; otherwise the clock does. */
export type LiveCall = {
  readonly call: Call;
  readonly script: Script;
  readonly byHand: boolean;
  readonly did: string | null;
  cancelWait: Cancel | null;
};

/** Plays call scripts against the switchboard and keeps the books about them. */
export class CallEngine {
  readonly ledger = new CallLedger();
  readonly #deps: EngineDeps;
  readonly #live = new Map<number, LiveCall>();
  #run = 0;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  /** Starts a call that runs by itself; its first event is announced before this returns. */
  start(plan: CallPlan): LiveCall {
    const live = this.#create(plan, false);
    this.#play(live);
    return live;
  }

  /** Starts a call that moves only when `step` is called. Nothing is announced yet. */
  open(plan: CallPlan): LiveCall {
    return this.#create(plan, true);
  }

  /** Plays to the next yield: at most one event. Returns the wait the script asked for, or null when the call is over. */
  step(live: LiveCall): number | null {
    const next = live.script.next();
    if (!next.done) return next.value;
    this.#finish(live);
    return null;
  }

  /** Takes one leg out of a call without asking its script: one Remove, or none if no leg was left. Returns the legs that remain. */
  cut(live: LiveCall): number {
    const leg = live.call.legs.shift();
    if (leg) this.#deps.board.leave(leg);
    if (live.call.legs.length === 0) this.#finish(live);
    return live.call.legs.length;
  }

  /** Acts on a call from outside. False when it is no longer there. A hangup is never overtaken by a later action. */
  signal(callid: number, signal: Signal): boolean {
    const live = this.#live.get(callid);
    if (!live) return false;
    if (live.call.mail?.kind !== 'hangup') live.call.mail = signal;
    if (!live.byHand) {
      live.cancelWait?.();
      this.#play(live);
    }
    return true;
  }

  /** The PBX service dies and comes back: no Remove is sent, all ids start again (3cx.md §1.5). */
  restart(): void {
    const endedAt = this.#deps.clock.now();
    for (const live of this.#live.values()) {
      live.cancelWait?.();
      this.ledger.ended(live.call, { run: this.#run, endedAt, did: live.did, disposition: 'failed' });
    }
    this.#live.clear();
    this.#deps.board.reset();
    this.#run++;
  }

  stop(): void {
    for (const live of this.#live.values()) live.cancelWait?.();
    this.#live.clear();
  }

  active(): Call[] {
    return [...this.#live.values()].map(live => live.call);
  }

  has(live: LiveCall): boolean {
    return this.#live.get(live.call.callid) === live;
  }

  get run(): number {
    return this.#run;
  }

  #create(plan: CallPlan, byHand: boolean): LiveCall {
    const { board, clock, directory, random } = this.#deps;
    const call: Call = {
      callid: board.nextCallId(),
      plan,
      legs: [],
      lastLegId: 0,
      startedAt: clock.now(),
      answeredAt: null,
      mail: null,
    };
    const script = SCRIPTS[plan.scenario]({ call, board, directory, random, clock });
    const live: LiveCall = { call, script, byHand, did: pickDid(call, directory.dids, random), cancelWait: null };
    this.#live.set(call.callid, live);
    this.ledger.started(plan.scenario);
    return live;
  }

  #finish(live: LiveCall): void {
    live.script.return();
    if (!this.#live.delete(live.call.callid)) return;
    this.ledger.ended(live.call, { run: this.#run, endedAt: this.#deps.clock.now(), did: live.did });
  }

  #play(live: LiveCall): void {
    let waitMs = this.step(live);
    while (waitMs === 0) waitMs = this.step(live);
    live.cancelWait = waitMs === null ? null : this.#deps.clock.after(waitMs, () => this.#play(live));
  }
}
