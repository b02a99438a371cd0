import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import type { Party } from '@3cx-relay/shared/wire/call.ts';
import type { CallEventMessage } from '@3cx-relay/shared/wire/call-event.ts';
import { paint } from '../dev/terminal.js';

type Colour = 'red' | 'green' | 'cyan' | 'yellow' | 'dim';

const COLOURS: Readonly<Record<string, Colour>> = {
  'call.started': 'cyan',
  'call.ringing': 'cyan',
  'call.answered': 'green',
  'call.transferred': 'yellow',
  'call.ended': 'yellow',
  'health.state_change': 'yellow',
  'error.critical': 'red',
  'error.error': 'red',
  'error.warning': 'yellow',
};

/** One line. What the PBX and callers put into names and numbers is shown, and steers no terminal. */
export function formatItem(item: RelayItem): string {
  switch (item.type) {
    case 'call_event':
      return formatCallEvent(item);
    case 'gap': {
      const lost = item.lost === null ? 'an unknown number of events' : `${item.lost} events`;
      return lineOf(item.at, 'gap', `${lost} missing: ${item.reason}`, 'yellow');
    }
    case 'snapshot':
      return lineOf(undefined, 'snapshot', `${item.calls.length} active calls`);
    case 'health': {
      const { component, state, latencyMs, error } = item.data;
      const latency = latencyMs === null ? undefined : `${Math.round(latencyMs)} ms`;
      return lineOf(item.at, item.event, joined([component, state, latency, error]));
    }
    case 'error_event': {
      const text =
        item.event === 'error.acknowledged'
          ? `${item.data.errors.length} errors by ${item.data.by}`
          : `${item.data.component}: ${item.data.message}`;
      return lineOf(item.at, item.event, text);
    }
    case 'audit': {
      const { action, actor, target, outcome } = item.data;
      return lineOf(item.at, action, joined([target, outcome, `by ${actor.name}`]));
    }
    case 'request': {
      const { method, endpoint, status, durationMs, client } = item.data;
      const took = durationMs === undefined ? undefined : `${Math.round(durationMs)} ms`;
      return lineOf(item.at, 'request', joined([method, endpoint, status, took, client]));
    }
  }
}

function formatCallEvent({ at, event, call, participant, repeat, unresolved, origin }: CallEventMessage): string {
  const notes = [call?.direction, call?.disposition, repeat ? 'repeat' : undefined, unresolved, origin];
  const who = call
    ? `${partyOf(call.caller)} → ${partyOf(call.callee)}`
    : joined([participant?.dn ?? undefined, participant?.status ?? undefined]);
  return lineOf(at, event, who.padEnd(48), COLOURS[event], notes.filter(isSaid).join(', '));
}

function lineOf(
  at: string | undefined,
  name: string,
  text: string,
  colour = COLOURS[name] ?? 'dim',
  notes = '',
): string {
  const parts = [paint('dim', timeOf(at)), paint(colour, printable(name).padEnd(16)), printable(text)];
  return [...parts, ...(notes === '' ? [] : [paint('dim', printable(notes))])].join('  ').trimEnd();
}

function partyOf(party: Party | null | undefined): string {
  const number = party?.dn ?? party?.number ?? undefined;
  // The PBX often repeats an outside number as the name.
  const name = party?.name === number ? undefined : party?.name;
  return joined([number, name]) || '?';
}

function joined(parts: readonly unknown[]): string {
  return parts.filter(isSaid).join(' ');
}

function isSaid(part: unknown): boolean {
  return part !== undefined && part !== null && part !== '';
}

function timeOf(at: string | undefined): string {
  const time = at === undefined ? new Date() : new Date(at);
  return Number.isNaN(time.getTime()) ? '--:--:--.---' : time.toISOString().slice(11, 23);
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '·');
}
