import { type Call, type CallPlan, directionOf, type Signal } from './call.ts';
import { CallHistory } from './call-history.ts';
import { CallLedger } from './call-ledger.ts';
import { createCdrIds } from './cdr-ids.ts';
import type { CdrSegment } from './cdr-segment.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Directory } from './directory.ts';
import type { Random } from './random.ts';
import { SCRIPTS } from './scripts/scripts.ts';
import type { Script } from './scripts/stage.ts';
import type { Switchboard } from './switchboard.ts';

type EngineDeps = {
  board: Switchboard;
  directory: Directory;
  clock: Clock;
  random: Random;
  /** Takes every segment once, when it has ended. */
  onSegment: (segment: CdrSegment) => void;
};

/** Calls in progress under one script. `byHand`: a burst takes its steps; otherwise the clock does. */
export type LiveCall = {
  readonly call: Call;
  /** The second call of a consultation, while it lasts. */
  readonly companions: Set<Call>;
  readonly script: Script;
  readonly byHand: boolean;
  cancelWait: Cancel | null;
};

type Opening = { byHand: boolean; keepsHistory: boolean };

/** Plays call scripts against the switchboard and keeps the books about them. */
export class CallEngine {
  readonly ledger = new CallLedger();
  readonly #deps: EngineDeps;
  readonly #newId: () => string;
  readonly #live = new Map<number, LiveCall>();
  #run = 0;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#newId = createCdrIds(deps.clock);
  }

  /** Starts a call that runs by itself; its first event is announced before this returns. */
  start(plan: CallPlan): LiveCall {
    const live = this.#create(plan, { byHand: false, keepsHistory: true });
    this.#play(live);
    return live;
  }

  /** Starts a call that moves only when `step` is called. Nothing is announced yet. */
  open(plan: CallPlan, keepsHistory = false): LiveCall {
    return this.#create(plan, { byHand: true, keepsHistory });
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
    const { inbox } = live.call;
    if (inbox.signal?.kind !== 'hangup') inbox.signal = signal;
    if (!live.byHand) {
      live.cancelWait?.();
      this.#play(live);
    }
    return true;
  }

  /** The PBX service dies and comes back: no Remove is sent, all ids start again (3cx.md §1.5). */
  restart(): void {
    const lives = new Set(this.#live.values());
    for (const live of lives) {
      live.cancelWait?.();
      for (const call of [live.call, ...live.companions]) this.#book(call, true);
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
    return [...new Set(this.#live.values())].flatMap(({ call, companions }) => [call, ...companions]);
  }

  has(live: LiveCall): boolean {
    return this.#live.get(live.call.callid) === live;
  }

  get run(): number {
    return this.#run;
  }

  #create(plan: CallPlan, { byHand, keepsHistory }: Opening): LiveCall {
    const { board, clock, directory, random } = this.#deps;
    const inbox = { signal: null };
    const call = this.#draft(plan, keepsHistory, inbox);
    const companions = new Set<Call>();
    const stage = {
      call,
      board,
      directory,
      random,
      clock,
      companion: (otherPlan: CallPlan) => {
        const other = this.#draft(otherPlan, keepsHistory, inbox);
        companions.add(other);
        this.#live.set(other.callid, live);
        return other;
      },
      release: (other: Call) => {
        if (!companions.delete(other)) return;
        this.#live.delete(other.callid);
        this.#book(other, false);
      },
    };
    const live: LiveCall = { call, companions, script: SCRIPTS[plan.scenario](stage), byHand, cancelWait: null };
    this.#live.set(call.callid, live);
    return live;
  }

  #draft(plan: CallPlan, keepsHistory: boolean, inbox: Call['inbox']): Call {
    const { board, clock, directory, random, onSegment } = this.#deps;
    this.ledger.started(plan.scenario);
    return {
      callid: board.nextCallId(),
      plan,
      // Only calls from outside have dialled one of our numbers.
      did: directionOf(plan.scenario) === 'inbound' ? random.pick(directory.dids) : null,
      legs: [],
      lastLegId: 0,
      startedAt: clock.now(),
      answeredAt: null,
      failure: null,
      transferredTo: null,
      targets: new Map(),
      history: new CallHistory({ clock, newId: this.#newId, onSegment: keepsHistory ? onSegment : null }),
      segment: null,
      inbox,
    };
  }

  #finish(live: LiveCall): void {
    live.script.return();
    if (!this.#live.delete(live.call.callid)) return;
    for (const call of live.companions) {
      this.#live.delete(call.callid);
      this.#book(call, false);
    }
    this.#book(live.call, false);
  }

  /** Segments that a script left open end with their call: nobody in particular ended them. */
  #book(call: Call, cut: boolean): void {
    call.history.closeAll({ reason: 'dst_participant_terminated', details: 'none' });
    this.ledger.ended(call, { run: this.#run, endedAt: this.#deps.clock.now(), cut });
  }

  #play(live: LiveCall): void {
    let waitMs = this.step(live);
    while (waitMs === 0) waitMs = this.step(live);
    live.cancelWait = waitMs === null ? null : this.#deps.clock.after(waitMs, () => this.#play(live));
  }
}
