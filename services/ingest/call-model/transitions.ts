import type { CallEvent, CallState } from './call.ts';

/**
 * What a call does when one of its legs appears or changes its status. A departing leg never moves a call backwards:
 * it stays as it was until another leg says otherwise or the grace ends it.
 *
 * `held` is here for a PBX that says so: call control of a V20 is known to show Dialing, Ringing and Connected only
 * (3cx.md §1.5), and nothing else is ever taken for a hold.
 *
 * Rows are the state before (`none`: the call was not known), columns what the legs together amount to. Not every
 * backward step is an event: an answered call whose only leg dials again is still answered, but one that rings again
 * has been handed to somebody who has to answer it.
 */
export type Phase = Exclude<CallState, 'ended'>;

interface Move {
  readonly to: Phase;
  readonly events: readonly CallEvent[];
}

const TABLE: Readonly<Record<Phase | 'none', Readonly<Record<Phase, Move>>>> = {
  none: {
    dialing: { to: 'dialing', events: ['call.started'] },
    ringing: { to: 'ringing', events: ['call.started', 'call.ringing'] },
    connected: { to: 'connected', events: ['call.started', 'call.answered'] },
    held: { to: 'held', events: ['call.started', 'call.answered', 'call.held'] },
  },
  dialing: {
    dialing: { to: 'dialing', events: [] },
    ringing: { to: 'ringing', events: ['call.ringing'] },
    connected: { to: 'connected', events: ['call.answered'] },
    held: { to: 'held', events: ['call.answered', 'call.held'] },
  },
  ringing: {
    dialing: { to: 'ringing', events: [] },
    ringing: { to: 'ringing', events: [] },
    connected: { to: 'connected', events: ['call.answered'] },
    held: { to: 'held', events: ['call.answered', 'call.held'] },
  },
  connected: {
    dialing: { to: 'connected', events: [] },
    ringing: { to: 'ringing', events: ['call.ringing'] },
    connected: { to: 'connected', events: [] },
    held: { to: 'held', events: ['call.held'] },
  },
  held: {
    dialing: { to: 'held', events: [] },
    ringing: { to: 'ringing', events: ['call.ringing'] },
    connected: { to: 'connected', events: ['call.resumed'] },
    held: { to: 'held', events: [] },
  },
};

export function moveCall(before: Phase | 'none', legs: Phase): Move {
  return TABLE[before][legs];
}

/** 3cx.md §1.5: statuses are compared without regard to case. Null for a status that no source mentions. */
export function phaseOfStatus(status: string): Phase | null {
  switch (status.toLowerCase()) {
    case 'dialing':
      return 'dialing';
    case 'ringing':
      return 'ringing';
    case 'connected':
      return 'connected';
    case 'held':
    case 'onhold':
      return 'held';
    default:
      return null;
  }
}

/** The furthest that any leg has come, a hold being one of them; `otherwise` when no leg says anything we understand. */
export function phaseOfLegs(legs: readonly { readonly status: string }[], otherwise: Phase): Phase {
  const phases = new Set(legs.map(leg => phaseOfStatus(leg.status)));
  if (phases.has('held')) return 'held';
  if (phases.has('connected')) return 'connected';
  if (phases.has('ringing')) return 'ringing';
  return phases.has('dialing') ? 'dialing' : otherwise;
}
