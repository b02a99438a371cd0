/**
 * Spells the bodies of log entries: final JSON text that nobody parses again on the way to a client. The frame goes in
 * as the PBX spelled it, and the relay puts `type` and `id` in front.
 */
export type Unresolved = 'gone' | 'deadline' | 'failed' | 'refused' | 'overload';

/** What caused an entry that no frame caused. */
export type EntryOrigin = 'reconcile' | 'grace' | 'cdr';

export interface CallEventBody {
  readonly at: number;
  readonly events: readonly string[];
  /** The frame's own text on one line; null when no frame caused the entry. */
  readonly frame: string | null;
  readonly participantJson: string | null;
  readonly callJson: string | null;
  /** Another call that this entry changed: the one a leg moved away from. */
  readonly otherCallJson?: string | null;
  /** The participant it is about, spelled as in a frame, when no frame names it. */
  readonly entity?: string;
  /** Keys that were pressed. */
  readonly dtmf?: string | null;
  /** The device that was registered or unregistered. */
  readonly device?: { readonly dn: string; readonly deviceId: string | null; readonly registered: boolean };
  readonly isRepeat?: boolean;
  readonly unresolved?: Unresolved | null;
  readonly origin?: EntryOrigin;
}

export function callEventBody(body: CallEventBody): string {
  const last = body.events.at(-1) ?? 'pbx.event';
  let text = `{"at":"${isoOf(body.at)}","event":"${last}"`;
  if (body.events.length > 1) text += `,"events":${JSON.stringify(body.events)}`;
  text += `,"data":${body.frame ?? 'null'}`;
  text += `,"participant":${body.participantJson ?? 'null'}`;
  text += `,"call":${body.callJson ?? 'null'}`;
  if (body.otherCallJson) text += `,"otherCalls":[${body.otherCallJson}]`;
  if (body.entity) text += `,"entity":${JSON.stringify(body.entity)}`;
  if (body.dtmf) text += `,"dtmf":${JSON.stringify(body.dtmf)}`;
  if (body.device) text += `,"device":${JSON.stringify(body.device)}`;
  if (body.isRepeat) text += ',"repeat":true';
  if (body.unresolved) text += `,"unresolved":"${body.unresolved}"`;
  if (body.origin) text += `,"origin":"${body.origin}"`;
  return `${text}}`;
}

export interface PbxGap {
  /** Unix ms of the last thing we know to have received; earlier than the loss itself, never later. Null: not known. */
  readonly from: number | null;
  readonly to: number;
  readonly detail: string;
}

export function pbxGapBody(at: number, gap: PbxGap): string {
  return JSON.stringify({
    at: isoOf(at),
    lost: null,
    reason: 'pbx_disconnected',
    ...(gap.from === null ? {} : { from: isoOf(gap.from) }),
    to: isoOf(gap.to),
    detail: gap.detail,
  });
}

export interface ErrorReport {
  readonly severity: 'warning' | 'error' | 'critical';
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

const SAMPLE_BYTES = 2_048;

/** The beginning of what could not be read: as text where it is text, else base64. */
export function sampleOf(bytes: Buffer): { bytes: number; sample: string; encoding: 'text' | 'base64' } {
  const head = bytes.subarray(0, SAMPLE_BYTES);
  const text = head.toString('utf8');
  // A cut through a character at the end of the sample is not a sign of binary data.
  const isText = !text.slice(0, -1).includes('\uFFFD') && !text.includes('\u0000');
  return isText
    ? { bytes: bytes.length, sample: text, encoding: 'text' }
    : { bytes: bytes.length, sample: head.toString('base64'), encoding: 'base64' };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
