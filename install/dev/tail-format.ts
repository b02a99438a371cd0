import { paint } from './terminal.js';

/** Just what the line needs; whatever else a message holds is of no interest here. */
export type TailMessage = {
  type: string;
  /** Where to continue after this message. */
  position: string | undefined;
  body: Record<string, unknown>;
};

export function parseMessage(text: string): TailMessage | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(body) || typeof body.type !== 'string') return undefined;
  return { type: body.type, position: textOf(body.id), body };
}

/** Undefined for messages that say nothing to a reader (heartbeats, greetings). */
export function formatMessage({ type, body }: TailMessage): string | undefined {
  if (type === 'call_event') return formatCallEvent(body);
  if (type === 'gap') {
    const lost = typeof body.lost === 'number' ? `${body.lost} events` : 'an unknown number of events';
    return `${timeOf(body.at)}  ${paint('yellow', 'gap'.padEnd(16))} ${lost} missing: ${textOf(body.reason)}`;
  }
  if (type === 'error') return `${timeOf(undefined)}  ${paint('red', 'error'.padEnd(16))} ${textOf(body.message)}`;
  if (type === 'reconnect') return paint('dim', '  the relay is about to leave');
  return undefined;
}

function formatCallEvent(body: Record<string, unknown>): string {
  const call = isRecord(body.call) ? body.call : {};
  const participant = isRecord(body.participant) ? body.participant : {};
  const event = textOf(body.event) ?? 'pbx.event';
  const notes = [
    textOf(call.direction),
    textOf(call.disposition),
    body.repeat === true ? 'repeat' : undefined,
    textOf(body.unresolved),
    textOf(body.origin),
  ].filter(note => note !== undefined);
  const who =
    call.caller === undefined
      ? [textOf(participant.dn), textOf(participant.status)].filter(part => part !== undefined).join(' ')
      : `${partyOf(call.caller)} → ${partyOf(call.callee)}`;
  return [
    timeOf(body.at),
    paint(colours[event] ?? 'dim', event.padEnd(16)),
    who.padEnd(48),
    paint('dim', notes.join(', ')),
  ]
    .join('  ')
    .trimEnd();
}

const colours: Record<string, 'green' | 'cyan' | 'yellow'> = {
  'call.started': 'cyan',
  'call.ringing': 'cyan',
  'call.answered': 'green',
  'call.transferred': 'yellow',
  'call.ended': 'yellow',
};

function partyOf(value: unknown): string {
  if (!isRecord(value)) return '?';
  const number = textOf(value.dn) ?? textOf(value.number);
  const name = textOf(value.name);
  // The PBX often repeats an outside number as the name.
  const parts = name === number ? [number] : [number, name];
  return parts.filter(part => part !== undefined).join(' ') || '?';
}

function timeOf(at: unknown): string {
  const time = typeof at === 'string' ? new Date(at) : new Date();
  return paint('dim', Number.isNaN(time.getTime()) ? '--:--:--.---' : time.toISOString().slice(11, 23));
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
