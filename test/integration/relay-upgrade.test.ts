import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay;

beforeAll(async () => {
  relay = await startTestRelay();
});

afterAll(() => relay?.stop());

/** An upgrade written by hand, and what comes with it: client libraries refuse to send these. */
function upgrade(path: string, early: Buffer = Buffer.alloc(0)): Socket {
  const { hostname, port } = new URL(relay.url);
  const socket = connect(Number(port), hostname);
  const head = [
    `GET ${path} HTTP/1.1`,
    'Host: relay',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `X-API-Key: ${relay.apiKey}`,
    '\r\n',
  ].join('\r\n');
  socket.write(Buffer.concat([Buffer.from(head), early]));
  return socket;
}

/** A text frame of a client, whose mask is zero. */
function frame(message: object): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]);
}

describe('an upgrade that nobody can serve', () => {
  it.each([
    ['another path', '/relay/other', 404],
    ['a target that is no URL', '//:0/', 400],
    ['an unknown channel', '/relay/ws?channels=faxes', 400],
    ['an empty filter', '/relay/ws?dn=', 400],
  ])('for %s is refused with a problem document', async (_, path, status) => {
    let answer = '';
    for await (const chunk of upgrade(path)) answer += String(chunk);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('application/problem+json');
  });
});

it('what comes together with an upgrade is carried out behind what was asked for in its query', async () => {
  const socket = upgrade('/relay/ws?channels=health,calls', frame({ type: 'unsubscribe', channels: ['calls'] }));
  let answer = '';
  socket.on('data', chunk => {
    answer += chunk.toString('latin1');
  });
  await waitFor(() => /unsubscribed|not_subscribed/.test(answer), { what: 'an answer' });
  expect(answer).toContain('"type":"unsubscribed","channel":"calls"');
  socket.destroy();
});
