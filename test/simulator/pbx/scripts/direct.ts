import { callerFromOutside, insideParty, outsideParty, partiesOf, place, type Script, type Stage } from './stage.ts';
import { converse } from './talk.ts';

/** legid 4 as captured: trunk, router and rule took the first three (3cx.md §1.5, inbound example). */
export const LEGS_BEFORE_INBOUND = 3;

/** A caller from outside rings one extension, or the route point of an API client. */
export function* fromOutside(stage: Stage): Script {
  yield* reach(stage);
  yield* converse(stage);
}

export function* reach(stage: Stage): Script {
  const { call } = stage;
  const { dn } = call.plan;
  const arrival = arrive(stage);
  call.segment = call.history.open({
    source: arrival.source,
    destination: partiesOf(stage).person(dn),
    creationMethod: 'divert',
    creationForwardReason: 'by_did',
    from: arrival,
  });
  call.history.close(arrival, { reason: 'redirected', details: 'by_did', next: call.segment });
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
