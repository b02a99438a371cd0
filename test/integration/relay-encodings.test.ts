import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

const COUNT = 2_000;
let relay: TestRelay;
let log: LogFiller;
let written = COUNT;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_COMPRESSION: 'true' });
  log = createLogFiller(relay);
  await log.fill(COUNT);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

interface Read {
  readonly protocol: string;
  readonly extensions: string;
  readonly frames: number;
  /** Bytes on the wire. */
  readonly bytes: number;
  readonly numbers: number[];
}

/** Reads from the start, and five events that come live. */
async function read(subprotocols: string[], perMessageDeflate: boolean): Promise<Read> {
  const url = `${relay.url.replace('http', 'ws')}/relay/ws?after=start`;
  const headers = { 'x-api-key': relay.apiKey };
  const socket = new WebSocket(url, subprotocols, { headers, perMessageDeflate });
  const messages: { type: string; [field: string]: unknown }[] = [];
  let frames = 0;
  socket.on('message', data => {
    frames += 1;
    for (const line of String(data).split('\n')) messages.push(JSON.parse(line));
  });
  await waitFor(() => messages.some(({ type }) => type === 'caught_up'), { what: 'the replay to end' });
  await log.fill(5);
  written += 5;
  const numbers = () => messages.filter(({ type }) => type === 'call_event').map(numberIn);
  // By its number: the replay ends where this relay has read the log, which may be before the last of what was filled.
  await waitFor(() => numbers().at(-1) === written, { what: 'the live events' });
  const { protocol, extensions } = socket;
  const bytes = (socket as unknown as { _socket: { bytesRead: number } })._socket.bytesRead;
  socket.close();
  return { protocol, extensions, frames, bytes, numbers: numbers() };
}

describe('a WebSocket client', () => {
  it.each([
    ['none', [], '', false],
    ['relay.v1', ['relay.v1'], 'relay.v1', false],
    ['relay.v1 with compression', ['relay.v1'], 'relay.v1', true],
    ['lines', ['relay.v1.ndjson', 'relay.v1'], 'relay.v1.ndjson', false],
    ['lines with compression', ['relay.v1.ndjson'], 'relay.v1.ndjson', true],
  ])('that offers %s gets every event once, in order', async (_, offered, selected, isCompressed) => {
    const got = await read(offered, isCompressed);
    expect(got.protocol).toBe(selected);
    expect(got.extensions.includes('permessage-deflate')).toBe(isCompressed);
    expect(got.numbers).toEqual(Array.from({ length: written }, (__, i) => i + 1));
    expect(got.frames < got.numbers.length / 10).toBe(selected === 'relay.v1.ndjson');
  });

  it('gets many times fewer bytes with lines and compression', async () => {
    const plain = await read(['relay.v1'], false);
    const small = await read(['relay.v1.ndjson'], true);
    expect(small.bytes).toBeLessThan(plain.bytes / 4);
  });

  it('that offers only what the relay does not speak gets no subprotocol', async () => {
    const headers = { 'x-api-key': relay.apiKey };
    const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, ['mqtt'], { headers });
    const refused = new Promise<Error>(resolve => socket.once('error', resolve));
    expect((await refused).message).toBe('Server sent no subprotocol');
  });
});
