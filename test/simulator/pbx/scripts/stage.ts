import type { Call, CallPlan, Signal } from '../call.ts';
import { createCdrParties } from '../cdr-parties.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory.ts';
import type { LegDraft, Participant } from '../participant.ts';
import type { Random } from '../random.ts';
import type { Switchboard } from '../switchboard.ts';

/**
 * The life of a call as a script. A script yields the milliseconds it waits, and announces AT MOST ONE event between
 * two yields (`yield 0` costs no time). That rule is what lets the same script be played by the clock, where it waits,
 * and by a burst, which takes one step per frame it owes and must end on exactly the number it was asked for.
 */
export type Script = Generator<number, void, void>;

export type Stage = {
  call: Call;
  board: Switchboard;
  directory: Directory;
  random: Random;
  clock: Clock;
  /** A second call that this script plays too, for a consultation. `release` ends it. */
  companion: (plan: CallPlan) => Call;
  release: (call: Call) => void;
};

/** pocket-dial saw repeats "about every 750 ms" while a phone rings (3cx.md §1.3). */
const RING_REPEAT_MS = 750;
/** "Routinely sends the same Upsert twice" (TicketsCAD): about every second one, moments later. */
const TWICE_PROBABILITY = 0.5;
const TWICE_DELAY_MS = 15;

const NO_SIGNAL = { kind: 'elapsed' } as const;
export type Heard = Signal | typeof NO_SIGNAL;

/** Sleeps until the time is over or somebody acts. The engine leaves the signal in the call's inbox and wakes us. */
export function* wait({ call: { inbox } }: Stage, delayMs: number): Generator<number, Heard, void> {
  if (!inbox.signal) yield delayMs;
  const heard = inbox.signal ?? NO_SIGNAL;
  inbox.signal = null;
  return heard;
}

/** Rings for so long, announcing again whoever has not answered. */
export function* ring(stage: Stage, spanMs: number): Generator<number, Heard, void> {
  for (let leftMs = spanMs; leftMs > 0; leftMs -= RING_REPEAT_MS) {
    const heard = yield* wait(stage, Math.min(leftMs, RING_REPEAT_MS));
    if (heard.kind !== 'elapsed') return heard;
    if (leftMs <= RING_REPEAT_MS) break;
    for (const leg of stage.call.legs.filter(each => each.status !== 'Connected')) {
      stage.board.upsert(leg);
      yield 0;
    }
  }
  return NO_SIGNAL;
}

export function* place(stage: Stage, draft: LegDraft): Generator<number, Participant, void> {
  const { call, board } = stage;
  const leg = board.join(
    { device_id: deviceOf(stage, draft.dn), ...draft },
    { callid: call.callid, legid: ++call.lastLegId },
  );
  call.legs.push(leg);
  yield* announce(stage, leg);
  return leg;
}

export function* announce(stage: Stage, leg: Participant): Script {
  stage.board.upsert(leg);
  yield 0;
  if (!stage.random.chance(TWICE_PROBABILITY)) return;
  yield TWICE_DELAY_MS;
  // Whoever left meanwhile is announced no more: the second one is a repeat, not a resurrection.
  if (!stage.call.legs.includes(leg)) return;
  stage.board.upsert(leg);
  yield 0;
}

export function* depart(stage: Stage, leg: Participant): Script {
  stage.call.legs = stage.call.legs.filter(each => each !== leg);
  stage.board.leave(leg);
  yield 0;
}

/** Everybody who has not yet is connected now, one event each. */
export function* connect(stage: Stage): Script {
  const { call } = stage;
  call.answeredAt ??= stage.clock.now();
  if (call.segment) call.history.answered(call.segment);
  for (const leg of call.legs.filter(each => each.status !== 'Connected')) {
    leg.status = 'Connected';
    if (call.targets.has(leg.dn)) call.targets.set(leg.dn, 'answered');
    yield* announce(stage, leg);
  }
}

export function partiesOf({ directory, call }: Stage) {
  return createCdrParties(directory, call.history);
}

export function deviceOf(stage: Stage, dn: string): string {
  const devices = stage.directory.devicesOf(dn);
  return devices.length === 0 ? 'not_registered_dev' : stage.random.pick(devices).device_id;
}

export function outsideParty(stage: Stage) {
  return {
    party_dn: stage.directory.trunkDn,
    party_dn_type: 'Wexternalline',
    party_caller_id: stage.call.plan.number,
  } as const;
}

/** A caller from outside: `party_did` stays empty, as on every capture (3cx.md §1.5). */
export function callerFromOutside(stage: Stage) {
  return { ...outsideParty(stage), party_caller_name: stage.call.plan.number };
}

/** Number and name of the other extension; the capture of an internal call did not show them, so this is our guess. */
export function insideParty(stage: Stage, dn: string) {
  return {
    party_dn: dn,
    party_dn_type: 'Wextension',
    party_caller_id: dn,
    party_caller_name: stage.directory.extensions.get(dn)?.name ?? '',
  } as const;
}
