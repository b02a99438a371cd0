import type { Participant } from '../pbx/callcontrol/participant.ts';
import { type Call, type Direction, NOBODY, type Party, type Via } from './call.ts';
import { phaseOfStatus } from './transitions.ts';

/**
 * Who talks to whom, read from one leg. A leg that dials is the caller's, one that rings is the callee's; of a leg that
 * was connected when we first saw it only the router's mark tells that the call came from outside (3cx.md §1.5).
 */
export interface LegView {
  readonly direction: Direction | null;
  readonly caller: Party;
  readonly callee: Party;
  readonly did: string | null;
}

export function viewLeg(leg: Participant): LegView {
  const role = roleOf(leg);
  const isOutside = leg.partyDnType === 'Wexternalline';
  const own: Party = { number: leg.dn, name: null, dn: leg.dn };
  const other: Party = {
    number: leg.partyCallerId ?? (isOutside ? null : leg.partyDn),
    name: leg.partyCallerName,
    // The DN of an outside party is the trunk's, which many calls share: not the party.
    dn: isOutside ? null : leg.partyDn,
  };
  return {
    direction: directionOf(leg, role),
    caller: role === 'caller' ? own : role === 'callee' ? other : NOBODY,
    callee: role === 'callee' ? own : role === 'caller' ? other : NOBODY,
    did: leg.partyDid,
  };
}

/** What a later leg reveals fills what is still unknown; what is known stays. */
export function fillFrom(call: Call, view: LegView): Call {
  return {
    ...call,
    direction: call.direction ?? view.direction,
    caller: fillParty(call.caller, view.caller),
    callee: fillParty(call.callee, view.callee),
    did: call.did ?? view.did,
  };
}

/** Who took the call when this leg became connected, given what the leg was doing before. */
export function answererOf(leg: Participant, before: string | null): string | null {
  switch (before === null ? null : phaseOfStatus(before)) {
    case 'ringing':
      return leg.dn;
    case 'dialing':
      return leg.partyDnType === 'Wextension' ? leg.partyDn : null;
    default:
      return directionOf(leg, roleOf(leg)) === 'inbound' ? leg.dn : null;
  }
}

/**
 * A phone that a queue or a ring group lets ring says so in one of three places; which one a V20 uses is not captured
 * anywhere, nor is the spelling of the ring group's type (3cx.md §7).
 */
export function viaOf(leg: Participant): Via | null {
  const offers = [
    { dn: leg.originatedByDn, type: leg.originatedByType },
    { dn: leg.onBehalfOfDn, type: leg.onBehalfOfType },
    { dn: leg.referredByDn, type: leg.referredByType },
  ];
  for (const { dn, type } of offers) {
    const via = type && VIA_TYPES[type.toLowerCase().replace(/^w|_/g, '')];
    if (dn !== null && via) return { dn, type: via };
  }
  return null;
}

const VIA_TYPES: Readonly<Record<string, Via['type']>> = {
  queue: 'queue',
  ringgroup: 'ring_group',
  ringgroupringall: 'ring_group',
  ringgrouphunt: 'ring_group',
};

function roleOf(leg: Participant): 'caller' | 'callee' | null {
  switch (phaseOfStatus(leg.status)) {
    case 'dialing':
      return 'caller';
    case 'ringing':
      return 'callee';
    default:
      return leg.partyDnType === 'Wexternalline' && (leg.originatedByType === 'Wroutepoint' || viaOf(leg))
        ? 'callee'
        : null;
  }
}

function directionOf(leg: Participant, role: 'caller' | 'callee' | null): Direction | null {
  if (leg.partyDnType === 'Wextension') return 'internal';
  if (leg.partyDnType !== 'Wexternalline' || role === null) return null;
  return role === 'callee' ? 'inbound' : 'outbound';
}

/** Only of the same party, or of one that is still unknown: two people's details must not mix. */
function fillParty(known: Party, seen: Party): Party {
  const isSame = known === NOBODY || known.number === null || known.number === seen.number;
  if (!isSame) return known;
  return { number: known.number ?? seen.number, name: known.name ?? seen.name, dn: known.dn ?? seen.dn };
}
