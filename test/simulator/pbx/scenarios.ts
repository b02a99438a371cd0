import type { Call, ScenarioName, Signal } from './call.ts';
import type { Clock } from './clock.ts';
import type { Directory } from './directory.ts';
import type { LegDraft, Participant } from './participant.ts';
import type { Random } from './random.ts';
import type { Switchboard } from './switchboard.ts';

/**
 * The life of a call as a script. A script yields the milliseconds it waits, and announces AT MOST ONE event between
 * two yields (`yield 0` costs no time). That rule is what lets the same script be played by the clock, where it waits,
 * and by a burst, which takes one step per frame it owes and must end on exactly the number it was asked for.
 *
 * A new scenario (queue, ring group) is one more function here: it places its legs and hands over to `converse`.
 */
export type Script = Generator<number, void, void>;

export type Stage = { call: Call; board: Switchboard; directory: Directory; random: Random; clock: Clock };

/** pocket-dial saw repeats "about every 750 ms" while a phone rings (3cx.md §1.3). */
const RING_REPEAT_MS = 750;
/** "Routinely sends the same Upsert twice" (TicketsCAD): about every second one, moments later. */
const TWICE_PROBABILITY = 0.5;
const TWICE_DELAY_MS = 15;

const NO_SIGNAL = { kind: 'elapsed' } as const;
type Heard = Signal | typeof NO_SIGNAL;

export const SCRIPTS: Record<ScenarioName, (stage: Stage) => Script> = {
  inbound: fromOutside,
  missed: fromOutside,
  outbound: toOutside,
  internal: betweenExtensions,
};

/** legid 4 as captured: trunk, router and rule took the first three (3cx.md §1.5, inbound example). */
function* fromOutside(stage: Stage): Script {
  const { plan } = stage.call;
  stage.call.lastLegId = 3;
  yield* place(stage, {
    status: 'Ringing',
    dn: plan.dn,
    ...outsideParty(stage),
    party_caller_name: plan.number,
    originated_by_dn: 'ROUTER',
    originated_by_type: 'Wroutepoint',
  });
  yield* converse(stage);
}

function* toOutside(stage: Stage): Script {
  yield* place(stage, { status: 'Dialing', dn: stage.call.plan.dn, ...outsideParty(stage) });
  yield* converse(stage);
}

function* betweenExtensions(stage: Stage): Script {
  const { dn: caller, number: called } = stage.call.plan;
  yield* place(stage, { status: 'Dialing', dn: caller, ...insideParty(stage, called) });
  yield* place(stage, { status: 'Ringing', dn: called, ...insideParty(stage, caller) });
  yield* converse(stage);
}

/** Rings, talks and clears, and follows whoever diverts or transfers meanwhile. */
function* converse(stage: Stage): Script {
  const { call } = stage;
  for (;;) {
    const heard = yield* ring(stage);
    if (heard.kind === 'redirect') {
      if (yield* move(stage, heard)) continue;
      break;
    }
    if (heard.kind === 'hangup' || (heard.kind === 'elapsed' && !call.plan.answered)) break;
    yield* connect(stage);
    const ending = yield* wait(stage, call.plan.talkMs);
    if (ending.kind === 'redirect' && (yield* move(stage, ending))) continue;
    break;
  }
  for (const leg of [...call.legs]) yield* depart(stage, leg);
}

function* ring(stage: Stage): Generator<number, Heard, void> {
  for (let leftMs = stage.call.plan.ringMs; leftMs > 0; leftMs -= RING_REPEAT_MS) {
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

function* connect(stage: Stage): Script {
  stage.call.answeredAt ??= stage.clock.now();
  for (const leg of stage.call.legs.filter(each => each.status !== 'Connected')) {
    leg.status = 'Connected';
    yield* announce(stage, leg);
  }
}

/** Blind transfer as reconstructed in 3cx.md §1.6: gone on the old DN, new on the other, same callid, `referred_by` set. */
function* move(stage: Stage, to: Signal & { kind: 'redirect' }): Generator<number, boolean, void> {
  const leg = stage.call.legs.find(each => each.id === to.participantId);
  if (!leg) return true;
  yield* depart(stage, leg);
  if (!stage.directory.extensions.has(to.destination)) return false;
  yield* place(stage, {
    ...leg,
    status: 'Ringing',
    dn: to.destination,
    device_id: deviceOf(stage, to.destination),
    referred_by_dn: leg.dn,
    referred_by_type: 'Wextension',
  });
  return true;
}

/** Sleeps until the time is over or somebody acts. The engine leaves the signal in the call's mailbox and wakes us. */
function* wait(stage: Stage, delayMs: number): Generator<number, Heard, void> {
  if (!stage.call.mail) yield delayMs;
  const heard = stage.call.mail ?? NO_SIGNAL;
  stage.call.mail = null;
  return heard;
}

function* place(stage: Stage, draft: LegDraft): Script {
  const { call, board } = stage;
  const leg = board.join(
    { device_id: deviceOf(stage, draft.dn), ...draft },
    { callid: call.callid, legid: ++call.lastLegId },
  );
  call.legs.push(leg);
  yield* announce(stage, leg);
}

function* announce(stage: Stage, leg: Participant): Script {
  stage.board.upsert(leg);
  yield 0;
  if (!stage.random.chance(TWICE_PROBABILITY)) return;
  yield TWICE_DELAY_MS;
  stage.board.upsert(leg);
  yield 0;
}

function* depart(stage: Stage, leg: Participant): Script {
  stage.call.legs = stage.call.legs.filter(each => each !== leg);
  stage.board.leave(leg);
  yield 0;
}

function deviceOf(stage: Stage, dn: string): string {
  const devices = stage.directory.extensions.get(dn)?.devices ?? [];
  return devices.length === 0 ? 'not_registered_dev' : stage.random.pick(devices).device_id;
}

function outsideParty(stage: Stage) {
  return {
    party_dn: stage.directory.trunkDn,
    party_dn_type: 'Wexternalline',
    party_caller_id: stage.call.plan.number,
  } as const;
}

/** Number and name of the other extension; the capture of an internal call did not show them, so this is our guess. */
function insideParty(stage: Stage, dn: string) {
  return {
    party_dn: dn,
    party_dn_type: 'Wextension',
    party_caller_id: dn,
    party_caller_name: stage.directory.extensions.get(dn)?.name ?? '',
  } as const;
}
