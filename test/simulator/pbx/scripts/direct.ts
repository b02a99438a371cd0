import type { OpenSegment } from '../call-history.ts';
import {
  callerFromOutside,
  insideParty,
  outsideParty,
  partiesOf,
  place,
  type Script,
  type Stage,
  wait,
} from './stage.ts';
import { converse } from './talk.ts';

/** legid 4 as captured: trunk, router and rule took the first three (3cx.md §1.5, inbound example). */
export const LEGS_BEFORE_INBOUND = 3;

/** A caller from outside rings one extension, or the route point of an API client. */
export function* fromOutside(stage: Stage): Script {
  if (yield* reach(stage)) yield* converse(stage);
}

/** False when the caller has had enough before a phone rang. */
export function* reach(stage: Stage): Generator<number, boolean, void> {
  const { call } = stage;
  const { dn } = call.plan;
  const arrival = arrive(stage);
  const last = call.plan.waitMs > 0 ? yield* listen(stage, arrival) : arrival;
  if (last === null) return false;
  call.segment = call.history.open({
    source: arrival.source,
    destination: partiesOf(stage).person(dn),
    creationMethod: 'divert',
    creationForwardReason: last === arrival ? 'by_did' : 'none',
    from: last,
  });
  call.history.close(last, { reason: 'redirected', details: last === arrival ? 'by_did' : 'none', next: call.segment });
  call.targets.set(dn, 'missed');
  call.lastLegId = LEGS_BEFORE_INBOUND;
  yield* place(stage, {
    status: 'Ringing',
    dn,
    ...callerFromOutside(stage),
    originated_by_dn: 'ROUTER',
    originated_by_type: 'Wroutepoint',
    direct_control: !stage.directory.extensions.has(dn),
  });
  return true;
}

/** A menu answers and speaks, a script to the records; call control shows a call when it reaches a phone. */
function* listen(stage: Stage, arrival: OpenSegment): Generator<number, OpenSegment | null, void> {
  const { history, plan } = stage.call;
  const menu = history.open({
    source: arrival.source,
    destination: partiesOf(stage).menu(),
    creationMethod: 'divert',
    creationForwardReason: 'by_did',
    from: arrival,
  });
  history.close(arrival, { reason: 'redirected', details: 'by_did', next: menu });
  history.answered(menu);
  if ((yield* wait(stage, plan.waitMs)).kind !== 'hangup') return menu;
  history.close(menu, { reason: 'src_participant_terminated', details: 'none', by: arrival.source });
  return null;
}

/** The first segment of any call from outside: the trunk hands it to the inbound rules, which look at the DID (§3.2). */
export function arrive(stage: Stage) {
  const { call } = stage;
  const parties = partiesOf(stage);
  return call.history.open({
    source: parties.trunk(call.plan.number, call.did ?? ''),
    destination: parties.routing(call.did),
    creationMethod: 'call_init',
  });
}

/** Busy and unreachable look alike in call control: Dialing, then gone. The detail records tell them apart. */
export function* toOutside(stage: Stage): Script {
  const { call, directory } = stage;
  const { scenario, dn } = call.plan;
  if (scenario === 'busy' || scenario === 'failed') call.failure = scenario;
  dial(stage);
  yield* place(stage, {
    status: 'Dialing',
    dn,
    ...outsideParty(stage),
    // A route point is under the control of its API client, a phone never is (3cx.md §1.5, §1.4 `stream`).
    direct_control: !directory.extensions.has(dn),
  });
  yield* converse(stage);
}

/** Extension to outbound rule to trunk; without a route there is no trunk in it. Our guess, the chain is not captured. */
function dial(stage: Stage): void {
  const { call } = stage;
  const parties = partiesOf(stage);
  const { dn, number } = call.plan;
  const toRule = call.history.open({
    source: parties.person(dn),
    destination: parties.rule(number),
    creationMethod: 'call_init',
  });
  call.segment = toRule;
  if (call.failure === 'failed') return;
  call.segment = call.history.open({
    source: toRule.source,
    destination: parties.trunk(number, null),
    creationMethod: 'route_to',
    from: toRule,
  });
  call.history.close(toRule, { reason: 'continued_in', details: 'none', next: call.segment });
}

export function* betweenExtensions(stage: Stage): Script {
  const { call, directory } = stage;
  const { dn: caller, number: called } = call.plan;
  callInside(stage);
  yield* place(stage, {
    status: 'Dialing',
    dn: caller,
    ...insideParty(stage, called),
    direct_control: !directory.extensions.has(caller),
  });
  yield* place(stage, { status: 'Ringing', dn: called, ...insideParty(stage, caller) });
  yield* converse(stage);
}

/** Books an internal call; announces nothing. */
export function callInside(stage: Stage): void {
  const { call } = stage;
  const parties = partiesOf(stage);
  const { dn: caller, number: called } = call.plan;
  call.targets.set(called, 'missed');
  call.segment = call.history.open({
    source: parties.person(caller),
    destination: parties.person(called),
    creationMethod: 'call_init',
  });
}
