import type { Channel } from '../wire/channels.ts';
import { isObjectText } from './stored-json.ts';

/** One entry as it stands in the log. `body` is final JSON that nobody parses or serialises again on the way to a client. */
export interface LogEntry {
  readonly channel: Channel;
  readonly epoch: string;
  readonly seq: number;
  readonly type: string;
  /** Unix ms. */
  readonly at: number;
  /** Text of a JSON object without line breaks; never empty (`{"at":…` at least). */
  readonly body: string;
  /** Comma-separated DNs: the one the entry is about first, then the others that take part. */
  readonly dn: string | null;
  readonly call: string | null;
  /** Comma-separated call events in the order they happened, for example `call.started,call.ringing`. */
  readonly event: string | null;
  /** `traceparent` of the trace that the entry belongs to; absent where nobody traces. Not kept in PostgreSQL. */
  readonly trace?: string;
}

/** A change of the state projection that becomes visible together with the entry. `value: null` deletes. */
export interface StateChange {
  readonly of: 'participants' | 'calls' | 'recovery';
  readonly field: string;
  readonly value: string | null;
}

export interface NewEntry {
  readonly type: string;
  readonly at: number;
  readonly body: string;
  readonly dn?: string;
  readonly call?: string;
  readonly event?: string;
  readonly state?: readonly StateChange[];
  readonly trace?: string;
}

/** A raw stream entry as ioredis returns it: id, then names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

/**
 * What another version wrote, or a hand, is passed on in its place as far as it can be sent: a number that is left out
 * would be an event that clients miss. `isVerbatim` is for who keeps it: time and body are what stands there, whatever it
 * is, because what is put in their place would decide where it is kept and for how long.
 */
export function decodeEntry(
  channel: Channel,
  epoch: string,
  raw: StreamEntry,
  { isVerbatim = false }: { isVerbatim?: boolean } = {},
): LogEntry {
  const [id, fields] = raw;
  let type = UNKNOWN_TYPE;
  let at = 0;
  let body: string | null = null;
  let dn: string | null = null;
  let call: string | null = null;
  let event: string | null = null;
  let trace: string | undefined;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1] ?? '';
    switch (fields[i]) {
      case 't':
        type = TYPE.test(value) ? value : UNKNOWN_TYPE;
        break;
      case 'at':
        at = isVerbatim ? Number(value) : toTime(value);
        break;
      case 'b':
        body = value;
        break;
      case 'dn':
        dn = value;
        break;
      case 'call':
        call = value;
        break;
      case 'ev':
        event = value;
        break;
      case 'tp':
        trace = value;
        break;
      // A field of a newer writer is not an error: an older reader passes the body on untouched.
      default:
        break;
    }
  }
  body = isVerbatim ? (body ?? '{}') : toSendableBody(body ?? '', at);
  const entry = { channel, epoch, seq: seqOf(id), type, at, body, dn, call, event };
  return trace === undefined ? entry : { ...entry, trace };
}

/** It is put between quotes as it stands. */
const TYPE = /^[\w.-]{1,64}$/;
const UNKNOWN_TYPE = 'unknown';
/** The year 9999: PostgreSQL and ISO 8601 go further, months of their own for it would not help anybody. */
const LATEST_MS = 253_402_300_799_999;

function toTime(text: string): number {
  const at = Math.trunc(Number(text));
  return at >= 0 && at <= LATEST_MS ? at : 0;
}

/**
 * What cannot be continued by text (message.ts) is left out. Line breaks, which stand between tokens, would end a line of
 * SSE. `at`: Unix ms.
 */
export function toSendableBody(text: string, at: number): string {
  if (!isObjectText(text)) return `{"at":"${new Date(at).toISOString()}"}`;
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, ' ') : text;
}

export function seqOf(streamId: string): number {
  return Number.parseInt(streamId, 10);
}
