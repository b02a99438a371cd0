import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { openRaw } from '../harness/raw-http.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type RelayProcess, startRelayProcess } from '../harness/relay-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { extent } from './extent.ts';
import { report } from './row.ts';

/**
 * R7. Connections that send half a request and wait, and requests without end. Must hold: their number is bounded, they are
 * told of, and a client beside them gets every entry once. FUZZ_HALF_OPEN: how many; half as many may wait.
 */
const count = Number(process.env.FUZZ_HALF_OPEN ?? extent({ quick: 500, full: 10_000 }));
const max = Math.floor(count / 2);
const AT_ONCE = 100;
/** Redis, PostgreSQL, files, the client that is served. */
const OTHER_FILES = 150;

let relay: RelayProcess;
let log: LogFiller;

beforeAll(async () => {
  relay = await startRelayProcess({ settings: { RELAY_MAX_HALF_OPEN: String(max) } });
  log = createLogFiller(relay);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

const HALVES = [
  '',
  'G',
  'GET /relay/events HTT',
  'GET /relay/events HTTP/1.1\r\nHost: relay\r\nX-Slow: ',
  'POST /admin/login HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"',
  'POST /admin/login HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
  // A whole one that is refused, and the beginning of the next.
  'GET /nothing HTTP/1.1\r\nHost: relay\r\n\r\nGET /',
  'GET /relay/ws HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSoc',
];

test('connections that send half a request and wait are bounded, are told of, and hold up nobody', {
  timeout: 60_000 + count * 10,
}, async () => {
  const since = performance.now();
  const client = await connectClient(relay.url, relay.apiKey);
  await client.waitForMessage('caught_up');
  const sockets: Socket[] = [];
  try {
    for (let opened = 0; opened < count; opened += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - opened) }, (_, index) => {
        const socket = openRaw(relay.url);
        socket.on('error', () => undefined);
        socket.resume();
        return { socket, half: HALVES[(opened + index) % HALVES.length] ?? '' };
      });
      sockets.push(...some.map(({ socket }) => socket));
      await Promise.all(some.map(({ socket }) => once(socket, 'connect')));
      for (const { socket, half } of some) socket.write(half);
      await log.fill(1);
      expect((await fetch(`${relay.url}/relay/health`)).status).toBe(200);
    }
    const isOpen = ({ closed }: Socket) => !closed;
    await waitFor(() => sockets.filter(isOpen).length <= max, { what: 'those over the limit to be cut off' });
    // Those that have waited longest are gone, and whoever came last waits still.
    expect(sockets.slice(0, AT_ONCE).filter(isOpen)).toEqual([]);
    expect(sockets.slice(-AT_ONCE).filter(isOpen).length).toBeGreaterThan(AT_ONCE / 2);
    expect(await relay.openFiles()).toBeLessThan(max + OTHER_FILES);
    expect(relay.output()).toContain('more connections than RELAY_MAX_HALF_OPEN send no request');
    // Nor is each of them told of by itself, as if a store were away.
    expect(relay.output()).not.toContain('a request could not be answered');
    for (let drips = 0; drips < 3; drips += 1) {
      for (const socket of sockets.filter(isOpen)) socket.write('a');
      await sleep(10);
    }
    const filled = Math.ceil(count / AT_ONCE);
    await waitFor(() => client.entries().length === filled, { what: 'the client to be served' });
    await report({
      ...{
        fault: 'R7 half open',
        load: `${count} connections`,
        seconds: Math.round((performance.now() - since) / 1_000),
      },
      ...{ sent: null, logged: filled, delivered: client.entries().length, duplicated: 0, missing: 0, gaps: 0 },
      ...{ healMs: null, note: `${max} may wait` },
    });
    expect(client.entries().map(numberIn)).toEqual(Array.from({ length: filled }, (_, index) => index + 1));
  } finally {
    for (const socket of sockets) socket.destroy();
    await client.close();
  }
});

test('a header or a body without end is refused long before it has arrived', async () => {
  const endless: readonly [string, string, RegExp][] = [
    ['GET /relay/health HTTP/1.1\r\nHost: relay\r\nX: ', 'a', /^HTTP\/1\.1 431 /],
    ['GET /relay/health?', 'a', /^HTTP\/1\.1 431 /],
    [
      `POST /relay/tickets HTTP/1.1\r\nHost: relay\r\nX-API-Key: ${relay.apiKey}\r\nContent-Length: 900000000\r\n\r\n`,
      ' ',
      /^HTTP\/1\.1 413 /,
    ],
    [
      `POST /relay/calls HTTP/1.1\r\nHost: relay\r\nX-API-Key: ${relay.apiKey}\r\nContent-Length: 900000000\r\n\r\n`,
      ' ',
      /^HTTP\/1\.1 413 /,
    ],
    [
      'POST /admin/login HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n',
      ' ',
      /^HTTP\/1\.1 413 /,
    ],
  ];
  for (const [head, piece, answer] of endless) {
    const socket = openRaw(relay.url);
    let text = '';
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.write(head);
    let sent = 0;
    while (!socket.closed && text === '' && sent < 2_000_000) {
      socket.write(piece.repeat(4_096));
      sent += 4_096;
      await sleep(1);
    }
    expect([head, sent < 1_000_000]).toEqual([head, true]);
    expect(text).toMatch(answer);
    socket.destroy();
  }
});
