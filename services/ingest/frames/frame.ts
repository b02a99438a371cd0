/**
 * A frame of `/callcontrol/ws` (3cx.md §1.3): `{"sequence":18,"event":{"event_type":0,"entity":"…","attached_data":null}}`.
 *
 * Tolerant on purpose: whatever is a JSON object with an event and a numeric type is a frame, because a frame that we
 * refuse is a frame that clients never see. The call model decides what it understands.
 */
export const EVENT_UPSERT = 0;
export const EVENT_REMOVE = 1;
export const EVENT_DTMF = 2;
/** 3 says that a prompt was played, 4 answers a request; nobody has seen a higher one (3cx.md C6). */
export const HIGHEST_KNOWN_EVENT = 4;

export type FrameSubject =
  | { readonly kind: 'participant'; readonly dn: string; readonly id: number }
  /** `deviceId` null: the DN itself. */
  | { readonly kind: 'device'; readonly dn: string; readonly deviceId: string | null }
  | { readonly kind: 'other'; readonly dn: string | null };

export interface Frame {
  readonly sequence: number | null;
  readonly eventType: number;
  readonly entity: string;
  readonly subject: FrameSubject;
  /** The keys that were pressed, of a DTMF frame; null for any other, or when it does not say. */
  readonly dtmf: string | null;
  /** The frame's own text, without line breaks: what clients get as `data`. */
  readonly text: string;
}

export type ParsedFrame = { readonly frame: Frame } | { readonly unreadable: string };

const ENTITY = /^\/callcontrol\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?\/?$/i;

export function parseFrame(raw: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch (error) {
    return { unreadable: `not JSON: ${error instanceof Error ? error.message.slice(0, 120) : 'parse error'}` };
  }
  if (!isRecord(value)) return { unreadable: 'not a JSON object' };
  if (!isRecord(value.event)) return { unreadable: 'no "event" object' };
  const { event_type: eventType, entity } = value.event;
  if (typeof eventType !== 'number') return { unreadable: 'no numeric "event_type"' };
  const path = typeof entity === 'string' ? entity : '';
  return {
    frame: {
      sequence: typeof value.sequence === 'number' ? value.sequence : null,
      eventType,
      entity: path,
      subject: toSubject(path),
      dtmf: eventType === EVENT_DTMF ? toDtmf(value.event.attached_data) : null,
      text: toOneLine(raw),
    },
  };
}

function toSubject(entity: string): FrameSubject {
  const match = ENTITY.exec(entity);
  const dn = match?.[1] ? decodeDn(match[1]) : null;
  if (!match || dn === null) return { kind: 'other', dn: null };
  const [, , part, id] = match;
  if (part === 'participants' && id && /^\d{1,15}$/.test(id)) return { kind: 'participant', dn, id: Number(id) };
  if (part === 'devices' || part === undefined) return { kind: 'device', dn, deviceId: id ? decodeDn(id) : null };
  return { kind: 'other', dn };
}

/** An object as the official types have it, or the same as JSON text, which one client found worth accepting (3cx.md §1.3). */
function toDtmf(attached: unknown): string | null {
  const data = typeof attached === 'string' ? parseOrNull(attached) : attached;
  if (!isRecord(data)) return null;
  const input = data.dtmf_input;
  return typeof input === 'string' || typeof input === 'number' ? String(input) : null;
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function decodeDn(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Valid JSON has line breaks between tokens only, never inside a string, so a space changes nothing but the layout. */
function toOneLine(json: string): string {
  return json.replace(/[\r\n]/g, ' ');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
