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

/** `bytes` asks for one oversized frame instead: text, not JSON, of that length. */
export function garbageFrame(index: number, bytes: number | undefined): string | Buffer {
  if (bytes !== undefined) return 'x'.repeat(bytes);
  return GARBAGE[index % GARBAGE.length] ?? '';
}
