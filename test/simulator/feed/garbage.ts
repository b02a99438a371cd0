export const GARBAGE_FORMS = ['text', 'binary', 'invalid-utf8', 'truncated', 'missing-fields', 'json'] as const;
export type GarbageForm = (typeof GARBAGE_FORMS)[number];
export type Garbage = { content: string | Buffer; asText: boolean };

/** Frames no client should fall over. Cycled through, so that `count` of this length shows every kind. */
const GARBAGE: ReadonlyArray<string | Buffer> = [
  'not json at all',
  '{"sequence":18,"event":{"event_type":0,"entity":"/callcontrol/150/parti',
  '',
  'null',
  '[]',
  '42',
  '{}',
  '{"sequence":"eighteen","event":{"event_type":0,"entity":"/callcontrol/100/participants/1","attached_data":null}}',
  '{"sequence":18,"event":null}',
  '{"sequence":18,"event":{"event_type":"zero","entity":"/callcontrol/100/participants/1","attached_data":null}}',
  '{"sequence":18,"event":{"event_type":99,"entity":"/callcontrol/100/participants/1","attached_data":null}}',
  '{"sequence":18,"event":{"event_type":0,"entity":"../../etc/passwd","attached_data":null}}',
  '{"sequence":18,"event":{"event_type":0,"entity":"/callcontrol/100/participants/-1","attached_data":{"a":[[[[[]]]]]}}}',
  '{"sequence":18,"event":{"event_type":0,"entity":null,"attached_data":"\\u0000\\ud800"}}',
  '\u0000\u0001\u0002 <html>502 Bad Gateway</html>',
  Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]),
];

const UPSERT_HEAD =
  '{"sequence":18,"event":{"event_type":0,"entity":"/callcontrol/100/participants/1","attached_data":';
/** In turn, so that a few of them show several fields absent. */
const MISSING_FIELDS = [
  '{"event":{"event_type":0,"entity":"/callcontrol/100/participants/1","attached_data":null}}',
  '{"sequence":18}',
  '{"sequence":18,"event":{"entity":"/callcontrol/100/participants/1","attached_data":null}}',
  '{"sequence":18,"event":{"event_type":0,"attached_data":null}}',
  '{"sequence":18,"event":{"event_type":0,"entity":"/callcontrol/100/participants/1"}}',
];
const NOT_UTF8 = Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0xa0, 0xff, 0xfe, 0x22, 0x7d]);

/**
 * Without a form the next of all kinds; `bytes` is the length of an oversized one. Invalid UTF-8 goes in a text frame, which
 * a WebSocket library must answer by closing with 1007: it is the one kind that costs the connection by itself.
 */
export function garbageFrame(index: number, form: GarbageForm | undefined, bytes: number | undefined): Garbage {
  const text = (content: string | Buffer): Garbage => ({ content, asText: typeof content !== 'string' });
  switch (form) {
    case 'binary':
      return { content: Buffer.alloc(bytes ?? 16, 0xff), asText: false };
    case 'invalid-utf8':
      return text(bytes === undefined ? NOT_UTF8 : Buffer.alloc(bytes, 0xff));
    case 'truncated':
      return text(UPSERT_HEAD.padEnd(bytes ?? 60, 'x').slice(0, bytes ?? 60));
    case 'missing-fields':
      return text(MISSING_FIELDS[index % MISSING_FIELDS.length] ?? '{}');
    case 'json': {
      const padding = Math.max(0, (bytes ?? 1000) - UPSERT_HEAD.length - 4);
      return text(`${UPSERT_HEAD}"${'x'.repeat(padding)}"}}`);
    }
    case 'text':
      return text('x'.repeat(bytes ?? 100));
    default:
      if (bytes !== undefined) return text('x'.repeat(bytes));
      return { content: GARBAGE[index % GARBAGE.length] ?? '', asText: false };
  }
}

/**
 * Whether a client may take it for a frame whatever else is wrong with it: a JSON object with an `event` whose type is a
 * number. The rest of a frame is absent or strange at times in real systems, too.
 */
export function isFrame(text: string): boolean {
  try {
    const { event } = JSON.parse(text) as { event?: { event_type?: unknown } };
    return typeof event?.event_type === 'number';
  } catch {
    return false;
  }
}
