import type { LogMessage } from '@3cx-relay/shared/wire/messages.ts';
import { decodeMessage } from '../live/messages.ts';
import { type EventTone, eventNote, eventWords, gapSentence, sentence } from './words.ts';

/** An entry of any channel in a line: what happened, to which extension and call, and the rest in a few words. */
export interface EventSummary {
  readonly word: string;
  readonly tone: EventTone;
  readonly note: string;
  readonly dn: string | null;
  readonly callId: string | null;
  /** Short marks of how the relay knows. */
  readonly tags: readonly { readonly word: string; readonly title: string }[];
}

type Of<Type extends LogMessage['type']> = Extract<LogMessage, { type: Type }>;

const COMPONENT_TITLES: Readonly<Record<string, string>> = {
  ...{ database: '3CX database', xapi: 'XAPI', websocket: 'Call socket' },
  ...{ redis: 'Redis', postgres: 'PostgreSQL', event_loop: 'Event loop' },
};

const STATE_TONES: Readonly<Record<string, EventTone>> = { up: 'ok', degraded: 'warn', down: 'bad', absent: 'calm' };

const SEVERITIES: Readonly<Record<string, { word: string; tone: EventTone }>> = {
  critical: { word: 'Critical', tone: 'bad' },
  error: { word: 'Error', tone: 'bad' },
  warning: { word: 'Warning', tone: 'warn' },
  info: { word: 'Info', tone: 'calm' },
};

const TAGS: Readonly<Record<string, { word: string; title: string }>> = {
  reconcile: { word: 'compared', title: 'Found by comparing with the phone system, which did not report it' },
  cdr: { word: 'records', title: "Read from the phone system's call records" },
  repeat: { word: 'repeat', title: 'The phone system sent the same again' },
};

export function summarize(item: LogMessage): EventSummary {
  switch (item.type) {
    case 'call_event':
      return ofCall(item);
    case 'health':
      return ofHealth(item);
    case 'error_event':
      return ofError(item);
    case 'audit':
      return ofAudit(item);
    case 'request':
      return ofRequest(item);
    case 'gap':
      return ofGap(item);
  }
}

function plain(word: string, tone: EventTone, note: string): EventSummary {
  return { word, tone, note, dn: null, callId: null, tags: [] };
}

function ofCall(item: Of<'call_event'>): EventSummary {
  const event = decodeMessage(item, 0);
  if (event?.type !== 'call_event') return plain(item.event, 'calm', '');
  const tags = [event.isRepeat ? 'repeat' : '', event.origin ?? ''].flatMap(name => TAGS[name] ?? []);
  return { ...eventWords(event), note: eventNote(event), dn: event.dn, callId: event.call?.callId ?? null, tags };
}

function ofHealth({ event, data }: Of<'health'>): EventSummary {
  const title = COMPONENT_TITLES[data.component] ?? data.component;
  const tone = STATE_TONES[data.state] ?? 'calm';
  const why = data.error === null ? '' : `: ${data.error}`;
  if (event === 'health.state_change') {
    return plain(`${title} ${data.state}`, tone, `was ${data.previous}${why}`);
  }
  const latency = data.latencyMs === null ? '' : `, ${data.latencyMs} ms`;
  return plain('Health', tone === 'ok' ? 'quiet' : tone, `${title} ${data.state}${latency}${why}`);
}

function ofError(item: Of<'error_event'>): EventSummary {
  if (item.event === 'error.acknowledged') {
    const { by, errors } = item.data;
    return plain('Acknowledged', 'calm', `${errors.length === 1 ? 'an error' : `${errors.length} errors`} by ${by}`);
  }
  const { severity, component, message } = item.data;
  const { word, tone } = SEVERITIES[severity] ?? { word: severity, tone: 'bad' as const };
  return plain(word, tone, `${COMPONENT_TITLES[component] ?? component}: ${message}`);
}

function ofAudit({ data: { action, actor, target, outcome } }: Of<'audit'>): EventSummary {
  const what = target === null ? '' : ` on ${target}`;
  return plain(action, outcome === 'done' ? 'calm' : 'warn', `${actor.name}${what}: ${outcome.replaceAll('_', ' ')}`);
}

function ofRequest({ event, data }: Of<'request'>): EventSummary {
  const { method, endpoint, status, durationMs, client } = data;
  const tone = status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'quiet';
  const took = event === 'http.request' ? ` in ${Math.round(durationMs)} ms` : '';
  return plain(`${status}`, tone, `${method} ${endpoint}${took}, ${client ?? 'no valid key'}`);
}

function ofGap(item: Of<'gap'>): EventSummary {
  const gap = decodeMessage(item, 0);
  return plain('Gap', 'warn', gap?.type === 'gap' ? sentence(gapSentence(gap)) : item.reason);
}
