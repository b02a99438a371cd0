/**
 * What the panel reads of the wire (`shared/PROTOCOL.md` §3, §8). Only what is shown is typed; a field that is missing
 * or of another kind reads as null, because a later version of the relay may say more or say it differently.
 */
export type Party = { readonly number: string | null; readonly name: string | null };

export type Direction = 'inbound' | 'outbound' | 'internal';

export type Call = {
  readonly callId: string;
  readonly direction: Direction | null;
  /** `dialing`, `ringing`, `connected`, `held`, `ended`, or what a later version adds. */
  readonly state: string;
  /** Unix ms. Null when the relay did not see the moment. */
  readonly startedAt: number | null;
  readonly ringingAt: number | null;
  readonly answeredAt: number | null;
  readonly caller: Party;
  readonly callee: Party;
  /** The queue or ring group through which it came. */
  readonly via: { readonly dn: string; readonly type: string | null } | null;
  /** The extensions that are in it now. */
  readonly dns: readonly string[];
  readonly answeredBy: string | null;
  readonly disposition: string | null;
};

export type CallEventMessage = {
  readonly type: 'call_event';
  readonly key: string;
  readonly id: string;
  readonly at: number;
  readonly event: string;
  readonly call: Call | null;
  /** Other calls that the same entry changed: a leg moved from one call to another. */
  readonly otherCalls: readonly Call[];
  /** Keys that were pressed. */
  readonly dtmf: string | null;
  /** Of a device: whether it is registered now. */
  readonly isRegistered: boolean | null;
  readonly dn: string | null;
  readonly isRepeat: boolean;
  readonly origin: string | null;
  readonly raw: unknown;
};

export type GapMessage = {
  readonly type: 'gap';
  readonly key: string;
  /** Null when the gap concerns this reader alone and is no entry of the log. */
  readonly id: string | null;
  readonly at: number;
  readonly reason: string;
  readonly lost: number | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly raw: unknown;
};

export type Message = CallEventMessage | GapMessage;

/** Null for a message that this version does not show. `now` stands in where a message carries no time. */
export function decodeMessage(raw: unknown, now: number): Message | null {
  const id = text(field(raw, 'id'));
  switch (field(raw, 'type')) {
    case 'call_event':
      return id === null ? null : decodeCallEvent(raw, id, now);
    case 'gap':
      return decodeGap(raw, id, now);
    default:
      return null;
  }
}

/** Null for what has no id: it could be neither replaced nor removed later. */
export function decodeCall(raw: unknown): Call | null {
  const callId = text(field(raw, 'callId'));
  if (callId === null) return null;
  return {
    callId,
    direction: decodeDirection(field(raw, 'direction')),
    state: text(field(raw, 'state')) ?? 'unknown',
    startedAt: time(field(raw, 'startedAt')),
    ringingAt: time(field(raw, 'ringingAt')),
    answeredAt: time(field(raw, 'answeredAt')),
    caller: decodeParty(field(raw, 'caller')),
    callee: decodeParty(field(raw, 'callee')),
    via: decodeVia(field(raw, 'via')),
    dns: [...new Set(list(field(raw, 'legs')).flatMap(leg => text(field(leg, 'dn')) ?? []))],
    answeredBy: text(field(raw, 'answeredBy')),
    disposition: text(field(raw, 'disposition')),
  };
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Unix ms of an ISO 8601 time. */
export function time(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function decodeCallEvent(raw: unknown, id: string, now: number): CallEventMessage {
  return {
    type: 'call_event',
    key: id,
    id,
    at: time(field(raw, 'at')) ?? now,
    event: text(field(raw, 'event')) ?? 'pbx.event',
    call: decodeCall(field(raw, 'call')),
    otherCalls: list(field(raw, 'otherCalls')).flatMap(call => decodeCall(call) ?? []),
    dtmf: text(field(raw, 'dtmf')),
    isRegistered: flag(field(field(raw, 'device'), 'registered')),
    dn: decodeDn(raw),
    isRepeat: field(raw, 'repeat') === true,
    origin: text(field(raw, 'origin')),
    raw,
  };
}

function decodeDn(raw: unknown): string | null {
  const entity = field(field(field(raw, 'data'), 'event'), 'entity') ?? field(raw, 'entity');
  return text(field(field(raw, 'participant'), 'dn')) ?? text(field(field(raw, 'device'), 'dn')) ?? dnOfEntity(entity);
}

function decodeGap(raw: unknown, id: string | null, now: number): GapMessage {
  return {
    type: 'gap',
    key: id ?? `gap ${text(field(raw, 'after'))} ${text(field(raw, 'before'))}`,
    id,
    at: time(field(raw, 'at')) ?? now,
    reason: text(field(raw, 'reason')) ?? 'unknown',
    lost: number(field(raw, 'lost')),
    from: time(field(raw, 'from')),
    to: time(field(raw, 'to')),
    raw,
  };
}

function decodeDirection(value: unknown): Direction | null {
  return value === 'inbound' || value === 'outbound' || value === 'internal' ? value : null;
}

function decodeVia(raw: unknown): Call['via'] {
  const dn = text(field(raw, 'dn'));
  return dn === null ? null : { dn, type: text(field(raw, 'type')) };
}

function decodeParty(raw: unknown): Party {
  return { number: text(field(raw, 'number')) ?? text(field(raw, 'dn')), name: text(field(raw, 'name')) };
}

/** When a participant is gone its path still says whose it was: `/callcontrol/150/participants/8107`. */
function dnOfEntity(entity: unknown): string | null {
  return /^\/callcontrol\/([^/]+)\//.exec(text(entity) ?? '')?.[1] ?? null;
}
