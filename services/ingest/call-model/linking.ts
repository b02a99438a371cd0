import type { Participant } from '../pbx/callcontrol/participant.ts';
import type { Call, Leg } from './call.ts';

/**
 * Which earlier call a new one continues. A transfer usually keeps the PBX's call number and is then one call anyway
 * (3cx.md §1.6); where the PBX begins a new number, the new call names who referred it, or takes over the outside party
 * of an answered call that everybody has just left. Both are circumstances, hence `inferred`; a leg that is seen to move
 * from one call to another is `observed`, and that is the model's affair.
 */
export function findPredecessor(
  leg: Participant,
  calls: { open: Iterable<Call>; vacant: Iterable<Call> },
): Call | null {
  const { referredByDn, partyCallerId } = leg;
  if (referredByDn !== null && referredByDn !== leg.dn) return first(calls.open, call => hasOrHad(call, referredByDn));
  if (leg.partyDnType !== 'Wexternalline' || partyCallerId === null) return null;
  return first(calls.vacant, call => call.answeredAt !== null && isWith(call, partyCallerId));
}

/** The call `later` joins the conversation that `earlier` is in. */
export function joinConversation(later: Call, earlier: Call, linked: 'observed' | 'inferred'): Call {
  if (later.conversationId === earlier.conversationId) return later;
  return { ...later, conversationId: earlier.conversationId, linked };
}

function hasOrHad(call: Call, dn: string): boolean {
  const isOf = (leg: Pick<Leg, 'dn'>) => leg.dn === dn;
  return call.legs.some(isOf) || call.formerLegs.some(isOf);
}

function isWith(call: Call, number: string): boolean {
  return call.caller.number === number || call.callee.number === number;
}

function first(calls: Iterable<Call>, matches: (call: Call) => boolean): Call | null {
  for (const call of calls) if (matches(call)) return call;
  return null;
}
