import type { CallEngine, LiveCall } from './call-engine.ts';
import { BURST_MIX, type CallPlanner } from './call-plans.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Participant } from './participant.ts';
import type { Random } from './random.ts';
import type { Switchboard } from './switchboard.ts';

export type BurstOrder = { events: number; perSecond: number; cdr: boolean };
export type BurstState = { running: boolean; sent: number; events: number };

type BurstDeps = {
  engine: CallEngine;
  planner: CallPlanner;
  board: Switchboard;
  clock: Clock;
  random: Random;
  /** Where the only frame of a burst of one points to; nobody is there. */
  anyDn: string;
  /** Events announced so far by anybody: the difference over one step tells whether the step made one. */
  eventCount: () => number;
  /** Lets the sockets write everything sent inside in one go. */
  batch: (send: () => void) => void;
};

const TICK_MS = 10;
/** After a pause of the process the burst catches up at this many times its rate, so one tick cannot block for long. */
const CATCH_UP = 4;
const MAX_CALLS_AT_ONCE = 24;

/**
 * Plays an exact number of frames at a rate, as ordinary calls whose waits are skipped: participants really appear,
 * change and go, a call at a time moved one step, so a client that GETs the entity finds it or gets a true 404.
 *
 * The exact end: each call still open owes one Remove per leg. An ordinary step sends at most one frame and may add one
 * leg, so it is allowed only while it leaves enough frames for all that is owed; after that the calls are cut, and an
 * odd frame left over is a repeat of a present participant, or, with nobody left, of one that has just gone.
 */
export class Burst {
  readonly #deps: BurstDeps;
  #calls: LiveCall[] = [];
  #order: BurstOrder = { events: 0, perSecond: 1, cdr: false };
  #sent = 0;
  #startedAtMs = 0;
  #lastSeen: Participant | null = null;
  #cancel: Cancel | null = null;

  constructor(deps: BurstDeps) {
    this.#deps = deps;
  }

  start(order: BurstOrder): void {
    this.#order = order;
    this.#sent = 0;
    this.#calls = [];
    this.#startedAtMs = this.#deps.clock.monotonicMs();
    this.#awaitTick();
  }

  get state(): BurstState {
    return { running: this.#cancel !== null, sent: this.#sent, events: this.#order.events };
  }

  /** Gives up at once; calls that are open stay with the engine, whoever stops a burst restarts or stops that too. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#calls = [];
  }

  #awaitTick(): void {
    this.#cancel = this.#deps.clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const { events, perSecond } = this.#order;
    const elapsedMs = this.#deps.clock.monotonicMs() - this.#startedAtMs;
    const dueByNow = Math.min(events, Math.floor((elapsedMs * perSecond) / 1000));
    const perTick = Math.max(1, Math.ceil((perSecond * TICK_MS) / 1000));
    const target = Math.min(dueByNow, this.#sent + perTick * CATCH_UP);
    this.#deps.batch(() => {
      while (this.#sent < target) this.#sendOne();
    });
    if (this.#sent < events) {
      this.#awaitTick();
      return;
    }
    // Nothing is owed any more; this only lets calls whose last leg has left reach the ledger.
    for (const live of this.#calls) this.#deps.engine.cut(live);
    this.stop();
  }

  #sendOne(): void {
    const before = this.#deps.eventCount();
    while (this.#deps.eventCount() === before) this.#step();
    this.#sent++;
  }

  #step(): void {
    const remaining = this.#order.events - this.#sent;
    const owed = this.#calls.reduce((legs, live) => legs + live.call.legs.length, 0);
    if (remaining > owed + 1) this.#playOn();
    else if (remaining > owed) this.#sendOddFrame();
    else this.#clearOne();
  }

  #playOn(): void {
    const opened = this.#open();
    if (opened) this.#calls.push(opened);
    this.#advanceAt(opened ? this.#calls.length - 1 : this.#deps.random.below(this.#calls.length));
  }

  #open(): LiveCall | null {
    const { engine, planner, random } = this.#deps;
    const { cdr } = this.#order;
    // Up to three ringing repeats; nobody waits for these milliseconds.
    const skipped = { ringMs: 750 * (1 + random.below(4)), talkMs: 1 };
    if (this.#calls.length < MAX_CALLS_AT_ONCE && random.chance(0.5)) {
      const plan = planner.fromTraffic(BURST_MIX);
      if (plan) return engine.open({ ...plan, ...skipped }, cdr);
    }
    // Ordinary traffic may hold every extension: the burst still has to go on, so it rings somebody's second line.
    return this.#calls.length > 0 ? null : engine.open(planner.complete({ scenario: 'inbound', ...skipped }), cdr);
  }

  #clearOne(): void {
    const live = this.#calls[0];
    if (!live) throw new Error('The burst owes a frame and has no call left to take it from: its accounts are wrong.');
    if (this.#deps.engine.cut(live) === 0) this.#calls.shift();
  }

  #advanceAt(index: number): void {
    const live = this.#calls[index];
    if (!live) return;
    this.#lastSeen = live.call.legs[0] ?? this.#lastSeen;
    if (this.#deps.engine.has(live) && this.#deps.engine.step(live) !== null) return;
    const last = this.#calls.pop();
    if (last && last !== live) this.#calls[index] = last;
  }

  #sendOddFrame(): void {
    const present = this.#calls.flatMap(live => live.call.legs)[0] ?? this.#lastSeen;
    this.#deps.board.upsert(present ?? { dn: this.#deps.anyDn, id: 0 });
  }
}
