/**
 * The life of the call-control connection as a table: every state answers every input, and what it answers is data.
 * The shell (callcontrol-websocket.ts) does the I/O that an action names and feeds the outcome back as an input.
 *
 * An input that a state does not list changes nothing: it is the late echo of something that was given up, for example
 * the token that arrives after `hold`.
 */
export type ConnectionState = 'idle' | 'authorizing' | 'dialing' | 'open' | 'waiting' | 'held' | 'stopped';

export type ConnectionInput =
  | 'start'
  | 'authorized'
  | 'not-authorized'
  /** On a socket that was accepted the PBX was heard: what it says from now on arrives. */
  | 'heard'
  | 'refused'
  | 'lost'
  | 'waited'
  | 'hold'
  | 'release'
  | 'stop';

export type ConnectionAction = 'none' | 'authorize' | 'dial' | 'announce' | 'wait' | 'close';

export interface Transition {
  readonly to: ConnectionState;
  readonly action: ConnectionAction;
}

type Row = Readonly<Partial<Record<ConnectionInput, Transition>>>;

const STOP: Row = { stop: { to: 'stopped', action: 'close' } };
const ACTIVE: Row = { ...STOP, hold: { to: 'held', action: 'close' } };

const TABLE: Readonly<Record<ConnectionState, Row>> = {
  idle: { ...ACTIVE, start: { to: 'authorizing', action: 'authorize' } },
  authorizing: {
    ...ACTIVE,
    authorized: { to: 'dialing', action: 'dial' },
    'not-authorized': { to: 'waiting', action: 'wait' },
  },
  dialing: {
    ...ACTIVE,
    heard: { to: 'open', action: 'announce' },
    refused: { to: 'waiting', action: 'wait' },
    lost: { to: 'waiting', action: 'wait' },
  },
  open: { ...ACTIVE, lost: { to: 'waiting', action: 'wait' } },
  waiting: { ...ACTIVE, waited: { to: 'authorizing', action: 'authorize' } },
  held: { ...STOP, release: { to: 'authorizing', action: 'authorize' } },
  stopped: {},
};

export function nextConnectionState(state: ConnectionState, input: ConnectionInput): Transition {
  return TABLE[state][input] ?? { to: state, action: 'none' };
}
