import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createBlock } from './block.ts';
import { toFilter } from './filter.ts';
import { createRing } from './ring.ts';

const epochs = [{ epoch: 'aaaaaaaa', first: 1 }];

function entry(seq: number, attributes: Partial<LogEntry> = {}): LogEntry {
  return {
    channel: 'calls',
    epoch: 'aaaaaaaa',
    seq,
    type: 'call_event',
    at: 0,
    body: `{"at":"2026-01-01T00:00:00.000Z","n":${seq}}`,
    dn: null,
    call: null,
    event: null,
    ...attributes,
  };
}

/** A real WebSocket whose server side writes what it is given: frames are decoded by the library that clients use. */
let clientSide: WebSocket;
let serverSide: Duplex;
const received: { n: number; pad?: string }[] = [];
const server = createServer();

beforeAll(async () => {
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, () => {
      serverSide = stream;
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  clientSide = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  clientSide.on('message', data => received.push(JSON.parse(String(data))));
  await new Promise(resolve => clientSide.once('open', resolve));
});

afterAll(() => {
  clientSide.terminate();
  server.close();
});

async function decode(bytes: Buffer, count: number): Promise<{ n: number; pad?: string }[]> {
  received.length = 0;
  serverSide.write(bytes);
  // One more frame than expected would come before the pong.
  const answered = new Promise(resolve => clientSide.once('pong', resolve));
  while (received.length < count) await new Promise(resolve => clientSide.once('message', resolve));
  clientSide.ping();
  await answered;
  return [...received];
}

describe('a block', () => {
  it('frames messages of every length class so that a WebSocket client reads them', async () => {
    const lengths = [0, 20, 70, 200, 65_000, 66_000, 200_000];
    const entries = lengths.map((length, i) => entry(i + 1, { body: `{"n":${i + 1},"pad":"${'ü'.repeat(length)}"}` }));
    const decoded = await decode(createBlock(0, entries, epochs).bytes, lengths.length);
    expect(decoded.map(({ pad }) => pad?.length)).toEqual(lengths);
  });

  it('hands out exactly what lies behind a cursor and passes a filter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('101', '102', null), { minLength: 1, maxLength: 30 }),
        fc.nat(40),
        fc.boolean(),
        async (dns, cursor, isFiltered) => {
          const entries = dns.map((dn, i) => entry(i + 1, { dn }));
          const block = createBlock(0, entries, epochs);
          const selection = block.select(cursor, isFiltered ? toFilter({ dn: ['101'] }) : null);
          const expected = entries
            .filter(({ seq, dn }) => seq > cursor && (!isFiltered || dn === '101'))
            .map(({ seq }) => seq);
          expect(selection ? (await decode(selection.bytes, expected.length)).map(({ n }) => n) : []).toEqual(expected);
          expect(selection?.count ?? 0).toBe(expected.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('passes a gap through every filter', () => {
    const block = createBlock(0, [entry(1, { type: 'gap' })], epochs);
    expect(block.select(0, toFilter({ dn: ['999'] }))?.count).toBe(1);
  });

  it('matches any of the extensions that take part', () => {
    const block = createBlock(0, [entry(1, { dn: '101,102' })], epochs);
    expect(block.select(0, toFilter({ dn: ['102'] }))?.count).toBe(1);
    expect(block.select(0, toFilter({ dn: ['10'] }))).toBeNull();
  });

  it('matches any of the events that one entry tells', () => {
    const block = createBlock(0, [entry(1, { event: 'call.started,call.ringing' })], epochs);
    expect(block.select(0, toFilter({ event: ['call.started'] }))?.count).toBe(1);
    expect(block.select(0, toFilter({ event: ['call.ringing'] }))?.count).toBe(1);
    expect(block.select(0, toFilter({ event: ['call.ended'] }))).toBeNull();
  });
});

describe('the ring', () => {
  it('keeps the newest blocks within its bytes and continues any cursor it holds', () => {
    const ring = createRing({ channel: 'calls', epochs, head: 0, oldest: 1 }, 2_000);
    for (let seq = 1; seq <= 5_000; seq += 2) ring.append([entry(seq), entry(seq + 1)], epochs);
    expect(ring.bytes).toBeLessThanOrEqual(2_000);
    expect(ring.head).toBe(5_000);
    expect(ring.blockAfter(1)).toBeNull();
    expect(ring.blockAfter(5_000)).toBeNull();
    for (let cursor = 4_990; cursor < 5_000; cursor += 1) {
      const block = ring.blockAfter(cursor);
      expect(block && block.after <= cursor && block.last > cursor).toBe(true);
    }
  });

  it('keeps one block even when that is larger than its bytes', () => {
    const ring = createRing({ channel: 'calls', epochs, head: 0, oldest: 1 }, 10);
    ring.append([entry(1)], epochs);
    expect(ring.blockAfter(0)?.size).toBe(1);
  });
});
