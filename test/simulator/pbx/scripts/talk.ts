import { directionOf, type Signal } from '../call.ts';
import type { OpenSegment, SegmentEnd } from '../call-history.ts';
import { connected } from '../cdr-parties.ts';
import { DTMF, PROMPT_FINISHED } from '../switchboard.ts';
import {
  connect,
  depart,
  deviceOf,
  type Heard,
  partiesOf,
  place,
  ring,
  type Script,
  type Stage,
  wait,
} from './stage.ts';

type Redirect = Signal & { kind: 'redirect' };

/** Rings, talks and clears, and follows whoever diverts or transfers meanwhile. */
export function* converse(stage: Stage): Script {
  if (yield* ringUntilAnswered(stage, stage.call.plan.answered)) yield* talk(stage);
  else yield* clear(stage);
}

/** From the answer on, or from what has ended the talking already. */
export function* talk(stage: Stage, ended?: Heard): Script {
  let ending = ended ?? (yield* conversation(stage));
  for (;;) {
    if (ending.kind !== 'redirect') {
      hangUp(stage, ending);
      break;
    }
    if (!(yield* move(stage, ending))) break;
    if (!(yield* ringUntilAnswered(stage, stage.call.plan.transferAnswered))) break;
    ending = yield* conversation(stage);
  }
  yield* clear(stage);
}

export function* clear(stage: Stage): Script {
  for (const leg of [...stage.call.legs]) yield* depart(stage, leg);
}

/** False when it came to nothing; its segment is closed then. */
export function* ringUntilAnswered(stage: Stage, willAnswer: boolean): Generator<number, boolean, void> {
  for (;;) {
    const heard = yield* ring(stage, stage.call.plan.ringMs);
    if (heard.kind === 'redirect') {
      if (yield* move(stage, heard)) continue;
      return false;
    }
    if (heard.kind === 'hangup' || (heard.kind === 'elapsed' && !willAnswer)) {
      giveUp(stage, heard);
      return false;
    }
    yield* connect(stage);
    return true;
  }
}

/** Half of it talking or pressing keys; then a prompt is over or the call is handed on, when the plan says so. */
function* conversation(stage: Stage): Generator<number, Heard, void> {
  const { call, board } = stage;
  const { scenario, talkMs, digits, transferTo } = call.plan;
  const heard = yield* digits === '' ? wait(stage, talkMs / 2) : press(stage, talkMs / 2 / digits.length);
  if (heard.kind !== 'elapsed') return heard;
  const leg = call.legs[0];
  if (leg && scenario === 'prompt') {
    board.report(PROMPT_FINISHED, leg);
    yield 0;
  }
  if (leg && scenario === 'transfer' && transferTo !== null && call.transferredTo === null) {
    return { kind: 'redirect', participantId: leg.id, destination: transferTo };
  }
  return yield* wait(stage, talkMs / 2);
}

/** One frame per key. `dtmf_input` in an object is typed, in a JSON text some client found it necessary (3cx.md §1.3). */
function* press(stage: Stage, everyMs: number): Generator<number, Heard, void> {
  for (const digit of stage.call.plan.digits) {
    const heard = yield* wait(stage, everyMs);
    if (heard.kind !== 'elapsed') return heard;
    const data = { dtmf_input: digit };
    const leg = stage.call.legs[0];
    if (leg) stage.board.report(DTMF, leg, stage.random.chance(0.25) ? JSON.stringify(data) : data);
    yield 0;
  }
  return { kind: 'elapsed' };
}

/** The caller or our own side lays down; the detail records tell which, call control does not. */
export function hangUp(stage: Stage, heard: Heard): void {
  const { call, random } = stage;
  if (!call.segment) return;
  const { source, destination } = call.segment;
  const bySource = isBySource(stage, heard) ?? random.chance(0.5);
  call.history.close(call.segment, {
    reason: bySource ? 'src_participant_terminated' : 'dst_participant_terminated',
    details: 'none',
    by: bySource ? source : destination,
  });
}

/** Null when nobody acted. Whoever is on no DN of ours is the party on the trunk. */
function isBySource({ call }: Stage, heard: Heard): boolean | null {
  if (heard.kind !== 'hangup' || !call.segment) return null;
  const leg = call.legs.find(each => each.id === heard.participantId);
  const { source } = call.segment;
  return leg ? leg.dn === source.dnNumber : source.entityType === 'external_line';
}

/** Nobody answered: the callee was busy or unreachable, or one side had enough. */
export function giveUp(stage: Stage, heard: Heard): void {
  const { call } = stage;
  if (call.segment) call.history.close(call.segment, endUnanswered(stage, call.segment, heard));
  // Who was called outside refused: that is not our taking the call back.
  if (isBySource(stage, heard) === false && directionOf(call.plan.scenario) === 'outbound') call.failure ??= 'failed';
}

function endUnanswered(stage: Stage, { source, destination }: OpenSegment, heard: Heard): SegmentEnd {
  if (stage.call.failure === 'busy') return { reason: 'rejected', details: 'busy', by: destination };
  if (stage.call.failure === 'failed') return { reason: 'no_route', details: 'none' };
  if (isBySource(stage, heard) === false) return { reason: 'rejected', details: 'declined', by: destination };
  // A caller from outside goes; a call of our own is taken back.
  const reason = source.entityType === 'external_line' ? 'src_participant_terminated' : 'cancelled';
  return { reason, details: 'terminated_by_originator', by: source };
}

/**
 * Blind transfer as reconstructed in 3cx.md §1.6: gone on the old DN, new on the other, same callid, `referred_by` set.
 * False when nobody has that number: the call ends.
 */
export function* move(stage: Stage, to: Redirect): Generator<number, boolean, void> {
  const { call } = stage;
  const leg = call.legs.find(each => each.id === to.participantId);
  if (!leg) return true;
  const wasTalking = leg.status === 'Connected';
  const isKnown = stage.directory.extensions.has(to.destination);
  passOn(stage, { dn: leg.dn, destination: to.destination, isKnown, wasTalking });
  yield* depart(stage, leg);
  if (!isKnown) return false;
  call.targets.set(to.destination, 'missed');
  if (wasTalking) call.transferredTo = to.destination;
  yield* place(stage, {
    ...leg,
    status: 'Ringing',
    dn: to.destination,
    device_id: deviceOf(stage, to.destination),
    direct_control: false,
    referred_by_dn: leg.dn,
    referred_by_type: stage.directory.extensions.has(leg.dn) ? 'Wextension' : 'Wroutepoint',
  });
  return true;
}

type Handover = { dn: string; destination: string; isKnown: boolean; wasTalking: boolean };

function passOn(stage: Stage, { dn, destination, isKnown, wasTalking }: Handover): void {
  const { call } = stage;
  const old = call.segment;
  if (!old) return;
  const isSource = old.source.dnNumber === dn;
  const leaving = isSource ? old.source : old.destination;
  if (!isKnown) {
    call.history.close(old, { reason: 'no_route', details: 'no_destinations', by: leaving });
    return;
  }
  const staying = isSource ? old.destination : old.source;
  call.segment = call.history.open({
    source: wasTalking ? connected(staying) : staying,
    destination: partiesOf(stage).person(destination),
    creationMethod: wasTalking ? 'transfer' : 'divert',
    creationForwardReason: wasTalking ? 'none' : 'forward_all',
    from: old,
  });
  call.history.close(old, {
    reason: wasTalking ? 'continued_in' : 'redirected',
    details: wasTalking ? 'none' : 'forward_all',
    by: leaving,
    next: call.segment,
  });
}
