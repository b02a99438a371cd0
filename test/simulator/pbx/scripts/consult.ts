import { connected } from '../cdr-parties.ts';
import type { Participant } from '../participant.ts';
import { callInside, reach } from './direct.ts';
import {
  announce,
  callerFromOutside,
  connect,
  depart,
  type Heard,
  insideParty,
  partiesOf,
  place,
  ring,
  type Script,
  type Stage,
  wait,
} from './stage.ts';
import { clear, giveUp, hangUp, ringUntilAnswered, talk } from './talk.ts';

/**
 * Attended transfer: A talks to the caller, calls B under a second callid, and joins the two. Then A is gone from both
 * calls and B's participant goes on under the first callid. Nobody has captured one (3cx.md §7): the order and the change
 * of callid are our guess. Holding the caller shows nowhere, call control has no such status (§1.5).
 */
export function* consultation(stage: Stage): Script {
  const { plan } = stage.call;
  if (!(yield* reach(stage))) return;
  if (!(yield* ringUntilAnswered(stage, plan.answered))) return yield* clear(stage);
  const before = yield* wait(stage, plan.talkMs / 3);
  if (before.kind !== 'elapsed' || plan.transferTo === null) return yield* talk(stage, before);

  const inner = { ...stage, call: stage.companion(innerPlan(stage, plan.transferTo)) };
  const heard = yield* ask(inner);
  const colleague = inner.call.legs.find(leg => leg.dn === plan.transferTo);
  if (heard.kind === 'elapsed' && inner.call.answeredAt !== null && colleague) {
    yield* joinCalls(stage, inner, colleague);
  } else {
    const isOurs = heard.kind === 'elapsed' || inner.call.legs.some(leg => leg.id === heard.participantId);
    yield* endInner(inner, isOurs ? heard : { kind: 'elapsed' });
    if (!isOurs) return yield* talk(stage, heard);
  }
  yield* talk(stage, yield* wait(stage, plan.talkMs / 3));
}

function innerPlan({ call: { plan } }: Stage, transferTo: string): typeof plan {
  return { ...plan, scenario: 'internal', number: transferTo, answered: plan.transferAnswered, transferTo: null };
}

/** A calls B and they talk, each under the second callid. */
function* ask(inner: Stage): Generator<number, Heard, void> {
  const { dn, number, ringMs, talkMs, answered } = inner.call.plan;
  callInside(inner);
  yield* place(inner, { status: 'Dialing', dn, ...insideParty(inner, number) });
  yield* place(inner, { status: 'Ringing', dn: number, ...insideParty(inner, dn) });
  const heard = yield* ring(inner, ringMs);
  if (heard.kind !== 'answer' && !(heard.kind === 'elapsed' && answered)) return heard;
  yield* connect(inner);
  return yield* wait(inner, talkMs / 3);
}

function* endInner(inner: Stage, heard: Heard): Script {
  if (inner.call.answeredAt === null) giveUp(inner, heard);
  else hangUp(inner, heard);
  yield* clear(inner);
  inner.release(inner.call);
}

function* joinCalls(stage: Stage, inner: Stage, colleague: Participant): Script {
  const { call } = stage;
  const { dn } = call.plan;
  link(stage, inner, colleague.dn);
  for (const leg of inner.call.legs.filter(each => each !== colleague)) yield* depart(inner, leg);
  for (const leg of [...call.legs]) yield* depart(stage, leg);
  inner.call.legs = [];
  inner.release(inner.call);
  Object.assign(colleague, callerFromOutside(stage), {
    callid: call.callid,
    legid: ++call.lastLegId,
    referred_by_dn: dn,
    referred_by_type: 'Wextension',
  } satisfies Partial<Participant>);
  call.legs.push(colleague);
  yield* announce(stage, colleague);
}

/** In the detail records the second call ends in a segment of the first, and both carry the id of the first. */
function link(stage: Stage, inner: Stage, dn: string): void {
  const { call } = stage;
  const [outerSegment, innerSegment] = [call.segment, inner.call.segment];
  if (!outerSegment || !innerSegment) return;
  inner.call.history.mainId = call.history.mainId;
  call.segment = call.history.open({
    source: connected(outerSegment.source),
    destination: connected(partiesOf(stage).person(dn)),
    creationMethod: 'transfer',
    from: outerSegment,
  });
  call.history.answered(call.segment);
  const end = { reason: 'continued_in', details: 'none', by: outerSegment.destination, next: call.segment };
  call.history.close(outerSegment, end);
  inner.call.history.close(innerSegment, end);
  call.transferredTo = dn;
  call.targets.set(dn, 'answered');
}
