import { eventsQuery, streamQuery } from '@3cx-relay/relay/public/events-query.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import fc from 'fast-check';

/**
 * What nobody should send, made from what the schemas allow: most of it is nearly right, because that is what gets past
 * the first check. Valid requests occur too.
 */
const POSITIONS = ['start', 'now', '00000000_0000000000000001', 'zzzzzzzz_9999999999999999'];
export const junk = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e9',
    'NaN',
    '9'.repeat(30),
    'null',
    '[]',
    '__proto__',
    '../..',
    '%',
    '%00',
    '%zz',
    '\u0000',
  ),
  fc.nat({ max: 3_000 }).map(length => 'x'.repeat(length)),
);
const position = fc.oneof(fc.constantFrom(...POSITIONS), junk, fc.stringMatching(/^[0-9a-z]{8}_\d{15,17}$/));
const list = fc
  .array(fc.oneof(fc.constantFrom('100', 'call.started', 'c1'), junk), { maxLength: 300 })
  .map(all => all.join(','));
const names = [...new Set([...Object.keys(eventsQuery.shape), ...Object.keys(streamQuery.shape)])];
const likely: Readonly<Record<string, fc.Arbitrary<string>>> = {
  channel: fc.constantFrom(...CHANNELS),
  channels: fc.constantFrom(...CHANNELS, 'calls,errors', ''),
  after: position,
  before: position,
  limit: fc.oneof(fc.constantFrom('1', '1000', '1001', '0', '1.5'), junk),
  order: fc.constantFrom('asc', 'desc', 'sideways'),
  wait: fc.constantFrom('0', '61', '-1', 'x'),
  snapshot: fc.constantFrom('1', '0', 'true', 'maybe'),
  from: fc.constantFrom('2026-01-01T00:00:00Z', '0', 'yesterday', '9999999999999999', '275760-09-13T00:00:00.001Z'),
  to: fc.constantFrom('2026-01-01T00:00:00Z', '1e20', '-271821-04-20'),
  dn: list,
  event: list,
  call: list,
};
const parameter = fc.oneof(
  fc.constantFrom(...names, 'channels').chain(name => (likely[name] ?? junk).map(value => `${name}=${quote(value)}`)),
  fc.tuple(junk, junk).map(([name, value]) => `${quote(name)}=${quote(value)}`),
  junk,
);
const query = fc.array(parameter, { maxLength: 8 }).map(all => all.join('&'));
const path = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom('/relay/events', '/relay/events/stream', '/relay/active-calls', '/relay/health'),
  },
  { weight: 3, arbitrary: fc.constant('/relay/ws') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/relay/streams/calls',
      '/relay/calls',
      '/relay/calls/1/drop',
      '/relay',
      '/',
      '//',
      '*',
      '//:0/',
    ),
  },
  { weight: 1, arbitrary: junk },
);

/** Only what would break the line is escaped: everything else is for the relay to refuse. */
function quote(text: string): string {
  return text.replace(/[\s#&]/g, encodeURIComponent);
}

/** So that it gets past the parser of requests, to whoever looks at what it says. */
function escaped(target: string): string {
  return target.replace(/[^\x21-\x7e]/gu, character => encodeURIComponent(character.toWellFormed()));
}

const header = fc.oneof(
  fc.tuple(
    fc.constantFrom('Last-Event-ID', 'Accept', 'Origin', 'Range', 'If-None-Match', 'Idempotency-Key'),
    fc.oneof(position, junk),
  ),
  fc.tuple(
    fc.constantFrom('Authorization', 'X-API-Key'),
    fc.oneof(junk, fc.constantFrom('Bearer', 'Bearer ', 'Basic eDp5')),
  ),
  fc.tuple(fc.constantFrom('Content-Length', 'Transfer-Encoding', 'Expect', 'Connection', 'Host'), junk),
  fc.tuple(
    fc.constantFrom('Expect', 'Upgrade', 'TE', 'Trailer'),
    fc.constantFrom('100-continue', 'h2c', 'websocket', 'x'),
  ),
  fc.tuple(junk, junk),
);

const upgradeHeaders = fc.array(
  fc.oneof(
    fc.constantFrom('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
    fc.constant('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='),
    fc.constantFrom('Upgrade: h2c', 'Sec-WebSocket-Version: 7', 'Sec-WebSocket-Key: short'),
    fc
      .oneof(junk, fc.constantFrom('relay.v1', 'relay.v1, relay.v1', ',', 'relay.v1.ndjson,,'))
      .map(value => `Sec-WebSocket-Protocol: ${value}`),
    fc
      .oneof(junk, fc.constantFrom('permessage-deflate; client_max_window_bits=99', 'permessage-deflate; x'))
      .map(value => `Sec-WebSocket-Extensions: ${value}`),
  ),
  { maxLength: 6 },
);

/** A request as text; `key` goes into it where this one has any. */
export const malformedRequest: fc.Arbitrary<(key: string) => Buffer> = fc
  .record({
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constant('GET') },
      {
        weight: 2,
        arbitrary: fc.constantFrom('POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'PATCH', 'get', 'BREW'),
      },
    ),
    path,
    query,
    version: fc.oneof(
      { weight: 20, arbitrary: fc.constant('HTTP/1.1') },
      { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/9.9', 'X') },
    ),
    hasKey: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    headers: fc.array(header, { maxLength: 4 }),
    upgrade: fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: upgradeHeaders }),
    body: fc.oneof(
      { weight: 4, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: junk },
      { weight: 1, arbitrary: fc.json() },
    ),
    isTidy: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    cutAt: fc.oneof(
      { weight: 12, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    ),
  })
  .map(({ method, path, query, version, hasKey, headers, upgrade, body, isTidy, cutAt }) => key => {
    const target = `${path}${query === '' ? '' : '?'}${query}`;
    const tidy = (text: string) => (isTidy ? text.replace(/[^\x21-\x7e ]/g, '') : text);
    const lines = [
      `${method} ${isTidy ? escaped(target) : target} ${version}`,
      'Host: relay',
      ...(hasKey ? [`X-API-Key: ${key}`] : []),
      ...headers.map(([name, value]) => `${isTidy ? name.replace(/[^\w-]/g, '') || 'X' : name}: ${tidy(value)}`),
      ...upgrade.map(tidy),
      ...(body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
      '',
      body,
    ];
    const bytes = Buffer.from(lines.join('\r\n'));
    return bytes.subarray(0, Math.ceil(bytes.length * cutAt));
  });

/** Bytes that are no request at all. */
export const noise: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.nat({ max: 40_000 }).map(length => Buffer.from(`GET /${'a'.repeat(length)} HTTP/1.1\r\nHost: x\r\n\r\n`)),
    fc.nat({ max: 40_000 }).map(length => Buffer.from(`GET / HTTP/1.1\r\nX: ${'a'.repeat(length)}\r\n\r\n`)),
    fc.nat({ max: 3_000 }).map(count => Buffer.from(`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(count)}\r\n`)),
    fc
      .constantFrom('\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\u0016\u0003\u0001', 'GET / HTTP/1.1\r\n\r\n')
      .map(text => Buffer.from(text, 'latin1')),
  )
  .map(bytes => Buffer.from(bytes));

const subscription = fc.record(
  {
    after: fc.oneof(position, fc.constant(7)),
    dn: fc.oneof(fc.array(junk, { maxLength: 5 }), junk, fc.constant(null)),
    event: fc.array(fc.oneof(junk, fc.integer()), { maxLength: 3 }),
    snapshot: fc.oneof(fc.boolean(), junk),
    junk,
  },
  { requiredKeys: [] },
);
const nearlyValid = fc.oneof(
  fc.record({
    type: fc.constant('subscribe'),
    channels: fc.dictionary(fc.oneof(fc.constantFrom(...CHANNELS, '__proto__', 'constructor'), junk), subscription, {
      maxKeys: 4,
    }),
  }),
  fc.record({
    type: fc.constant('unsubscribe'),
    channels: fc.array(fc.oneof(fc.constantFrom(...CHANNELS), junk), { maxLength: 7 }),
  }),
  fc.record({ type: fc.oneof(fc.constant('ping'), junk) }, { requiredKeys: [] }),
);

/** What is said on an open WebSocket: frames by hand, masked as a client's must be. */
export const malformedFrame: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: nearlyValid.map(message => frame(1, Buffer.from(JSON.stringify(message)))) },
  { weight: 2, arbitrary: fc.json().map(text => frame(1, Buffer.from(text))) },
  { weight: 1, arbitrary: fc.nat({ max: 5_000 }).map(depth => frame(1, Buffer.from('['.repeat(depth)))) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(65_535, 65_536, 65_537, 200_000).map(length => frame(1, Buffer.alloc(length, 'x'))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat({ max: 15 }), fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0x80, 0x00, 0xc0, 0xf0))
      .map(([opcode, payload, flags]) => frame(opcode, Buffer.from(payload), flags)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 100 }).map(bytes => Buffer.from(bytes)) },
);

function frame(opcode: number, payload: Buffer, flags = 0x80): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([flags | opcode, 0x80 | length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    head[0] = flags | opcode;
    head[1] = 0x80 | (length < 65_536 ? 126 : 127);
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
