/** A frame as a client has to send it: masked, here with zeros, which leave the payload as it is (RFC 6455 §5.3). */
export function clientFrame(payload: Buffer | string, opcode: 'text' | 'pong' = 'text'): Buffer {
  const body = Buffer.from(payload);
  const first = opcode === 'text' ? 0x81 : 0x8a;
  const size =
    body.length < 126 ? Buffer.from([0x80 | body.length]) : Buffer.from([0xfe, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([first]), size, Buffer.alloc(4), body]);
}

/** The request that opens a WebSocket. */
export function upgradeRequest(path: string, headers: Record<string, string> = {}): string {
  const all = {
    host: '127.0.0.1',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
