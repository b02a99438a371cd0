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

const everything = { filter: null, encoding: 'frames', maxBytes: Number.MAX_SAFE_INTEGER } as const;
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
const received: string[] = [];
const server = createServer();

beforeAll(async () => {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: { serverNoContextTakeover: true } });
  server.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, () => {
      serverSide = stream;
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  clientSide = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  clientSide.on('message', data => received.push(String(data)));
  await new Promise(resolve => clientSide.once('open', resolve));
});

afterAll(() => {
  clientSide.terminate();
  server.close();
});

async function decodeTexts(bytes: Buffer | null, count: number): Promise<string[]> {
  received.length = 0;
  if (bytes) serverSide.write(bytes);
  // One more frame than expected would come before the pong.
  const answered = new Promise(resolve => clientSide.once('pong', resolve));
  while (received.length < count) await new Promise(resolve => clientSide.once('message', resolve));
  clientSide.ping();
  await answered;
  return [...received];
}

async function decode(bytes: Buffer | null, count: number): Promise<{ n: number; pad?: string }[]> {
  return (await decodeTexts(bytes, count)).map(text => JSON.parse(text) as { n: number; pad?: string });
}

function all(entries: LogEntry[]) {
  return createBlock({ after: 0, last: entries.at(-1)?.seq ?? 0, entries, epochs });
}

function count(entries: LogEntry[], filter: Parameters<typeof toFilter>[0]): number {
  return all(entries).select(0, { ...everything, filter: toFilter(filter, null) }).count;
}

describe('a block', () => {
  it('frames messages of every length class so that a WebSocket client reads them', async () => {
    const lengths = [0, 20, 70, 200, 65_000, 66_000, 200_000];
    const entries = lengths.map((length, i) => entry(i + 1, { body: `{"n":${i + 1},"pad":"${'ü'.repeat(length)}"}` }));
    const decoded = await decode(all(entries).select(0, everything).bytes, lengths.length);
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
          const filter = isFiltered ? toFilter({ dn: ['101'] }, null) : null;
          const selection = all(entries).select(cursor, { ...everything, filter });
          const expected = entries
            .filter(({ seq, dn }) => seq > cursor && (!isFiltered || dn === '101'))
            .map(({ seq }) => seq);
          expect((await decode(selection.bytes, expected.length)).map(({ n }) => n)).toEqual(expected);
          expect(selection.count).toBe(expected.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('passes a gap through every filter', () => {
    expect(count([entry(1, { type: 'gap' })], { dn: ['999'] })).toBe(1);
  });

  it('matches any of the extensions that take part', () => {
    const entries = [entry(1, { dn: '101,102' })];
    expect(count(entries, { dn: ['102'] })).toBe(1);
    expect(count(entries, { dn: ['10'] })).toBe(0);
  });

  it('matches any of the events that one entry tells', () => {
    const entries = [entry(1, { event: 'call.started,call.ringing' })];
    expect(count(entries, { event: ['call.started'] })).toBe(1);
    expect(count(entries, { event: ['call.ringing'] })).toBe(1);
    expect(count(entries, { event: ['call.ended'] })).toBe(0);
  });
});

describe('a selection', () => {
  const entries = Array.from({ length: 40 }, (_, i) => entry(i + 1, { dn: i % 2 === 0 ? '101' : '102' }));

  it('ends where its bytes do, says up to where it reaches, and goes on from there', async () => {
    const block = all(entries);
    const seen: number[] = [];
    let cursor = 0;
    while (cursor < 40) {
      const wanted = { ...everything, filter: toFilter({ dn: ['102'] }, null), maxBytes: 300 };
      const { bytes, count: found, last } = block.select(cursor, wanted);
      expect(bytes?.length ?? 0).toBeLessThanOrEqual(300);
      seen.push(...(await decode(bytes, found)).map(({ n }) => n));
      expect(last).toBeGreaterThan(cursor);
      cursor = last;
    }
    expect(seen).toEqual(entries.filter(({ dn }) => dn === '102').map(({ seq }) => seq));
  });

  it('has one message at least, however long that is', () => {
    expect(all(entries).select(0, { ...everything, maxBytes: 1 })).toMatchObject({ count: 1, last: 1 });
  });

  it('as lines holds all messages in one frame', async () => {
    const { bytes, count: found } = all(entries).select(3, { ...everything, encoding: 'ndjson' });
    expect(found).toBe(37);
    const [text] = await decodeTexts(bytes, 1);
    expect(text?.split('\n').map(line => (JSON.parse(line) as { n: number }).n)).toEqual(
      entries.slice(3).map(({ seq }) => seq),
    );
  });

  it.each([
    ['frames', 40],
    ['frames+deflate', 40],
    ['ndjson', 1],
    ['ndjson+deflate', 1],
  ] as const)('as %s says the same', async (encoding, frames) => {
    const wide = entries.map(({ seq }) => entry(seq, { body: `{"n":${seq},"pad":"${'ab'.repeat(200)}"}` }));
    const { bytes } = all(wide).select(0, { ...everything, encoding });
    const texts = await decodeTexts(bytes, frames);
    expect(texts).toHaveLength(frames);
    expect(texts.flatMap(text => text.split('\n')).map(text => (JSON.parse(text) as { n: number }).n)).toEqual(
      wide.map(({ seq }) => seq),
    );
    const isSmaller = (bytes?.length ?? 0) < all(wide).bytes / 2;
    expect(isSmaller).toBe(encoding.endsWith('+deflate'));
  });

  it('as server-sent events has the position of each message as its id', () => {
    const text = String(all(entries.slice(0, 2)).select(0, { ...everything, encoding: 'sse' }).bytes);
    expect(text.split('\n\n').slice(0, 2)).toEqual([
      expect.stringMatching(/^id: aaaaaaaa_0000000000000001\ndata: \{"type":"call_event",.*"n":1\}$/),
      expect.stringMatching(/^id: aaaaaaaa_0000000000000002\ndata: \{"type":"call_event",.*"n":2\}$/),
    ]);
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
