import { type Call, type FormerLeg, type Leg, type LegOutcome, MAX_FORMER_LEGS } from './call.ts';
import { phaseOfStatus } from './transitions.ts';

/**
 * What became of the legs that left. A queue or a ring group lets several phones ring: one of them takes the call, and
 * the others are told to stop before or after that, in no order (3cx.md §1.6). A phone that stopped just before the
 * answer did so because of it; one that stopped longer ago was given up, and the queue asked the next.
 */
const SAME_MOMENT_MS = 1_500;

export function withoutLeg(call: Call, of: { dn: string; id: number }, leftAt: number | null): Call {
  const leg = call.legs.find(each => isLegOf(each, of));
  if (!leg) return call;
  const legs = call.legs.filter(each => each !== leg);
  const former: FormerLeg = {
    dn: leg.dn,
    participantId: leg.participantId,
    party: leg.party ?? null,
    leftAt: leftAt === null ? null : new Date(leftAt).toISOString(),
    outcome: outcomeNow(leg, legs),
  };
  return { ...call, legs, formerLegs: [...call.formerLegs, former].slice(-MAX_FORMER_LEGS) };
}

/** The call was answered at `at`: legs of which nothing was known yet now have an outcome. */
export function settleByAnswer(formerLegs: readonly FormerLeg[], at: number): readonly FormerLeg[] {
  return settle(formerLegs, leg => {
    if (leg.leftAt === null) return null;
    return at - Date.parse(leg.leftAt) <= SAME_MOMENT_MS ? 'answered_elsewhere' : 'missed';
  });
}

/** The call is over and nobody else took it. */
export function settleByEnd(formerLegs: readonly FormerLeg[]): readonly FormerLeg[] {
  return settle(formerLegs, leg => (leg.leftAt === null ? null : 'missed'));
}

function settle(
  formerLegs: readonly FormerLeg[],
  outcomeOf: (leg: FormerLeg) => LegOutcome | null,
): readonly FormerLeg[] {
  if (formerLegs.every(leg => leg.outcome !== null)) return formerLegs;
  return formerLegs.map(leg => (leg.outcome === null ? { ...leg, outcome: outcomeOf(leg) } : leg));
}

function outcomeNow(leg: Leg, remaining: readonly Leg[]): LegOutcome | null {
  switch (phaseOfStatus(leg.status)) {
    case 'connected':
    case 'held':
      return 'answered';
    case 'dialing':
      return 'cancelled';
    case 'ringing':
      return remaining.some(other => isTaken(other)) ? 'answered_elsewhere' : null;
    default:
      return null;
  }
}

export function isLegOf(leg: Leg, of: { dn: string; id: number }): boolean {
  return leg.participantId === of.id && leg.dn === of.dn;
}

function isTaken(leg: Leg): boolean {
  const phase = phaseOfStatus(leg.status);
  return phase === 'connected' || phase === 'held';
}
