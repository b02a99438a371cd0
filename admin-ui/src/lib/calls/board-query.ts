import type { Call } from '../live/messages.ts';

/** Which of the active calls are shown, as the address of their page has it. */
export interface BoardQuery {
  readonly state: BoardState;
  readonly text: string;
}

/** `waiting`: in a queue, and nobody has answered yet. */
export const BOARD_STATES = ['all', 'ringing', 'waiting', 'connected', 'held'] as const;

export type BoardState = (typeof BOARD_STATES)[number];

export function parseBoardQuery(search: URLSearchParams): BoardQuery {
  const state = BOARD_STATES.find(name => name === search.get('state')) ?? 'all';
  return { state, text: search.get('text') ?? '' };
}

export function boardHref({ state, text }: BoardQuery): string {
  const search = new URLSearchParams();
  if (state !== 'all') search.set('state', state);
  if (text !== '') search.set('text', text);
  return search.size === 0 ? '#/calls' : `#/calls?${search}`;
}

export function isInState(call: Call, state: BoardState): boolean {
  switch (state) {
    case 'all':
      return true;
    case 'ringing':
      return isRinging(call);
    case 'waiting':
      return isRinging(call) && call.via?.type === 'queue';
    default:
      return call.state === state;
  }
}

/** A part of a name or of a number, or an extension that is in it. */
export function hasText({ caller, callee, via, dns }: Call, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  const words = [caller.name, caller.number, callee.name, callee.number, via?.dn, ...dns];
  return wanted === '' || words.some(word => word?.toLowerCase().includes(wanted));
}

/** Dialling is ringing to whoever waits. */
function isRinging({ state }: Call): boolean {
  return state === 'ringing' || state === 'dialing';
}
