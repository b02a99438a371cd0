import { constants, deflateRawSync } from 'node:zlib';
import { deflatedFrame, framed } from './text-frame.ts';

/**
 * How messages go over a transport. Each encoding of a run of messages is made once and shared by all clients that need
 * the same, so that a subprotocol or compression costs its work once and not once for each client.
 *
 * - `frames`: one WebSocket text frame for each message;
 * - `ndjson`: one frame for many messages, a line each (subprotocol `relay.v1.ndjson`);
 * - `…+deflate`: the same, compressed by permessage-deflate without context takeover, the only way in which the bytes
 *   do not depend on what a client got before;
 * - `sse`: server-sent events, whose `id` is the position;
 * - `json`: joined by commas, to be put into an array.
 */
export type Encoding = 'frames' | 'frames+deflate' | 'ndjson' | 'ndjson+deflate' | 'sse' | 'json';

/** A message as it stands in a block. */
export interface Payload {
  /** JSON in UTF-8. */
  readonly text: Buffer;
  /** Position, null for what does not move it. */
  readonly id: string | null;
}

/** One frame stays far below what clients take for too long. */
const MAX_LINES_BYTES = 256 * 1024;
/** Below this a message grows by compression, or nearly so. */
const DEFLATE_FROM_BYTES = 256;

const LINE_BREAK = Buffer.from('\n');
const COMMA = Buffer.from(',');
const SSE_ID = Buffer.from('id: ');
const SSE_DATA = Buffer.from('data: ');
const SSE_END = Buffer.from('\n\n');

const ENCODE: Readonly<Record<Encoding, (payloads: readonly Payload[]) => Buffer>> = {
  frames: payloads => Buffer.concat(payloads.map(({ text }) => framed(text))),
  'frames+deflate': payloads => Buffer.concat(payloads.map(({ text }) => frameOf(text, true))),
  ndjson: payloads => inLines(payloads, false),
  'ndjson+deflate': payloads => inLines(payloads, true),
  sse: payloads => Buffer.concat(payloads.flatMap(toEvent)),
  json: payloads => Buffer.concat(payloads.flatMap(({ text }, index) => (index === 0 ? [text] : [COMMA, text]))),
};

export function encode(encoding: Encoding, payloads: readonly Payload[]): Buffer {
  return ENCODE[encoding](payloads);
}

function inLines(payloads: readonly Payload[], isDeflated: boolean): Buffer {
  const frames: Buffer[] = [];
  let lines: Buffer[] = [];
  let bytes = 0;
  const end = () => {
    if (lines.length > 0) frames.push(frameOf(Buffer.concat(lines), isDeflated));
    lines = [];
    bytes = 0;
  };
  for (const { text } of payloads) {
    if (bytes > 0 && bytes + text.length > MAX_LINES_BYTES) end();
    if (lines.length > 0) lines.push(LINE_BREAK);
    lines.push(text);
    bytes += text.length + 1;
  }
  end();
  return frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames);
}

function frameOf(text: Buffer, isDeflated: boolean): Buffer {
  if (!isDeflated || text.length < DEFLATE_FROM_BYTES) return framed(text);
  // RFC 7692 §7.2.1: flushed, and without the four bytes that end every flush.
  const deflated = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, level: 3 });
  return deflatedFrame(deflated.subarray(0, -4));
}

function toEvent({ text, id }: Payload): Buffer[] {
  const event = [SSE_DATA, text, SSE_END];
  return id === null ? event : [SSE_ID, Buffer.from(id), LINE_BREAK, ...event];
}
