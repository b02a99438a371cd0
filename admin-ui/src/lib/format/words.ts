import type { Connection } from '@3cx-relay/shared/wire/admin/connections.ts';
import type { ComponentState } from '../live/health.ts';
import type { Call, CallEventMessage, GapMessage, Party } from '../live/messages.ts';
import { formatClock } from './time.ts';

export type Tone = 'ok' | 'warn' | 'bad' | 'calm';

/** `quiet`: there are many of them and they tell little. */
export type EventTone = Tone | 'quiet';

export const COMPONENT_WORDS: Readonly<Record<Connection['component'], { title: string; does: string }>> = {
  pbx: { title: 'Phone system', does: '3CX call control' },
  websocket: { title: 'Call socket', does: 'tells what happens' },
  xapi: { title: 'XAPI', does: 'lists calls and records' },
  database: { title: '3CX database', does: 'keeps call records' },
  ingest: { title: 'Ingest', does: 'listens to 3CX' },
  event_loop: { title: 'Event loop', does: 'lets ingest act in time' },
  redis: { title: 'Redis', does: 'holds the log' },
  log: { title: 'Event log', does: 'is read for clients' },
  postgres: { title: 'PostgreSQL', does: 'keeps the history' },
  persist: { title: 'Copying', does: 'brings the log to PostgreSQL' },
};

export const STATE_WORDS: Readonly<Record<ComponentState, { word: string; tone: Tone }>> = {
  up: { word: 'Up', tone: 'ok' },
  degraded: { word: 'Degraded', tone: 'warn' },
  down: { word: 'Down', tone: 'bad' },
  absent: { word: 'Not configured', tone: 'calm' },
  unknown: { word: 'Unknown', tone: 'calm' },
};

const EVENT_WORDS: Readonly<Record<string, { word: string; tone: EventTone }>> = {
  'call.started': { word: 'Started', tone: 'calm' },
  'call.ringing': { word: 'Ringing', tone: 'warn' },
  'call.answered': { word: 'Answered', tone: 'ok' },
  'call.transferred': { word: 'Transferred', tone: 'calm' },
  'call.held': { word: 'Held', tone: 'calm' },
  'call.resumed': { word: 'Resumed', tone: 'ok' },
  'call.dtmf': { word: 'Keys pressed', tone: 'calm' },
  'call.updated': { word: 'Updated', tone: 'quiet' },
  'call.ended': { word: 'Ended', tone: 'calm' },
  'call.finalized': { word: 'Records added', tone: 'quiet' },
  'queue.offered': { word: 'Queue offers', tone: 'calm' },
  'queue.answered': { word: 'Queue answered', tone: 'ok' },
  'queue.abandoned': { word: 'Queue abandoned', tone: 'bad' },
  'extension.status': { word: 'Extension', tone: 'quiet' },
  'pbx.event': { word: 'PBX event', tone: 'quiet' },
};

/** An event that this version does not know is shown by its own name. */
export function eventWords({ event, call }: CallEventMessage): { word: string; tone: EventTone } {
  if (event === 'call.ended' && call?.disposition) {
    const isFailure =
      call.disposition === 'missed' || call.disposition === 'failed' || call.disposition === 'abandoned';
    return { word: `Ended, ${call.disposition}`, tone: isFailure ? 'bad' : 'calm' };
  }
  return EVENT_WORDS[event] ?? { word: event, tone: 'calm' };
}

export function partyName({ name, number }: Party): string {
  return name ?? number ?? 'Unknown';
}

export function callParties(call: Call): string {
  return `${partyName(call.caller)} → ${partyName(call.callee)}`;
}

const CALL_STATE_WORDS: Readonly<Record<string, string>> = {
  dialing: 'Dialling',
  ringing: 'Ringing',
  connected: 'Talking',
  held: 'On hold',
};

/** A state that this version does not know is shown by its own name. */
export function callStateWord({ state }: Call): string {
  return CALL_STATE_WORDS[state] ?? state;
}

export function viaWords({ via }: Call): string | null {
  if (via === null) return null;
  const what = via.type === 'queue' ? 'queue ' : via.type === 'ring_group' ? 'ring group ' : '';
  return `via ${what}${via.dn}`;
}

/** What happened beside the call itself, in a few words. */
export function eventNote({ call, dtmf, isRegistered }: CallEventMessage): string {
  if (isRegistered !== null) return isRegistered ? 'Device registered' : 'Device gone';
  const parties = call ? callParties(call) : '';
  return dtmf === null ? parties : `${parties} · ${dtmf}`;
}

export function gapSentence({ reason, from, to, lost }: GapMessage): string {
  switch (reason) {
    case 'pbx_disconnected': {
      const when = from !== null && to !== null ? ` from ${formatClock(from)} to ${formatClock(to)}` : ' for some time';
      return `No connection to the phone system${when}`;
    }
    case 'retention':
      return lost === null ? 'Events before this are no longer kept' : `${lost} events are no longer kept`;
    case 'log_reset':
      return 'The log was lost and begun again';
    case 'log_rolled_back':
      return lost === null ? 'The newest events were lost in a failover' : `${lost} events were lost in a failover`;
    default:
      return `Events are missing (${reason})`;
  }
}

/** The relay's error texts begin small and end open, as parts of a log line do. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
