import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { waitFor } from '../../../../test/harness/wait-for.ts';
import { CallControlWebSocket, type SocketNews } from './callcontrol-websocket.ts';
import { createReconnectPlan } from './reconnect-plan.ts';

let server: Server;
let port: number;
let sockets: WebSocket[];
let authorizations: (string | undefined)[];
let accepts: (authorization: string | undefined) => boolean;
let autoPong: boolean;
let connection: CallControlWebSocket;
let news: SocketNews[];
let minted: number;

beforeEach(async () => {
  sockets = [];
  authorizations = [];
  accepts = () => true;
  autoPong = true;
  minted = 1;
  server = createServer();
  server.on('upgrade', (request, wire, head) => {
    authorizations.push(request.headers.authorization);
    if (!accepts(request.headers.authorization)) return void (wire as Socket).end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    new WebSocketServer({ noServer: true, autoPong }).handleUpgrade(request, wire, head, socket =>
      sockets.push(socket),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  connection.stop();
  for (const socket of sockets) socket.terminate();
  await new Promise(resolve => server.close(resolve));
});

function start(auth: 'auto' | 'bearer' | 'basic' = 'auto'): void {
  connection = new CallControlWebSocket(`http://127.0.0.1:${port}`, 'relay', 's', {
    ...{ pingMs: 30, pongDeadlineMs: 100, maxFrameBytes: 1_000 },
    token: {
      ensureValidToken: async () => `t${minted}`,
      tokenExpiry: 0,
      invalidate: token => {
        if (token === `t${minted}`) minted += 1;
      },
    },
    plan: createReconnectPlan({ auth, quickMs: 20, firstMs: 20, maxMs: 50 }),
  });
  news = [];
  connection.subscribe(each => news.push(each));
  connection.start();
}

const kinds = () => news.map(each => each.kind);
const reached = (kind: SocketNews['kind'], times = 1) =>
  waitFor(() => kinds().filter(each => each === kind).length >= times, { what: `${times} × ${kind}` });

describe('the call-control socket', () => {
  test('hands frames over as text, in order', async () => {
    start();
    await reached('open');
    for (let i = 0; i < 100; i += 1) sockets[0]?.send(`frame ${i}`);
    await reached('frame', 100);
    expect(news.flatMap(each => (each.kind === 'frame' ? [each.raw] : []))).toEqual(
      Array.from({ length: 100 }, (_, i) => `frame ${i}`),
    );
    expect(authorizations).toEqual(['Bearer t1']);
  });

  test('refused with 401 comes back with a fresh token', async () => {
    accepts = authorization => authorization === 'Bearer t2';
    start();
    await reached('open');
    expect(authorizations).toEqual(['Bearer t1', 'Bearer t2']);
  });

  test('refused with every token tries Basic', async () => {
    accepts = authorization => authorization?.startsWith('Basic ') ?? false;
    start();
    await reached('open');
    expect(authorizations).toEqual(['Bearer t1', 'Bearer t2', `Basic ${Buffer.from('relay:s').toString('base64')}`]);
  });

  test('that broke comes back with the token it has', async () => {
    start();
    await reached('open');
    sockets[0]?.terminate();
    await reached('open', 2);
    expect(kinds()).toEqual(['open', 'lost', 'open']);
    expect(authorizations).toEqual(['Bearer t1', 'Bearer t1']);
  });

  test('that was held back and then lost says since when what was read last may have waited', async () => {
    start();
    await reached('open');
    sockets[0]?.send('before');
    await reached('frame');
    const pausedAt = Date.now();
    connection.pauseReading();
    sockets[0]?.send('sent while nobody read');
    sockets[0]?.close();
    connection.resumeReading();
    await reached('lost');
    expect(kinds()).toEqual(['open', 'frame', 'frame', 'lost']);
    const lost = news.find(each => each.kind === 'lost');
    expect(lost?.lateSince).toBeGreaterThanOrEqual(pausedAt);
    expect(lost?.lateSince).toBeLessThanOrEqual(Date.now());
    await reached('open', 2);
    sockets[1]?.close();
    await reached('lost', 2);
    expect(news.findLast(each => each.kind === 'lost')).toMatchObject({ lateSince: null });
  });

  test('that answers no ping any more is given up', async () => {
    start();
    await reached('open');
    sockets[0]?.pause();
    await reached('lost');
    expect(news.find(each => each.kind === 'lost')).toMatchObject({ detail: expect.stringContaining('silent') });
  });

  test('is open only when the PBX is heard on it: by a ping that it answers or by a frame', async () => {
    autoPong = false;
    start();
    await waitFor(() => sockets.length === 2, { what: 'the second try' });
    expect(kinds()).toEqual([]);
    expect(connection.error).toContain('silent: no answer to a ping');
    sockets[1]?.send('first');
    await reached('frame');
    expect(kinds()).toEqual(['open', 'frame']);
    await reached('lost');
    autoPong = true;
    await reached('open', 2);
    expect(connection.error).toBeNull();
  });

  test('survives a frame that is too long, one that is binary and one that is not UTF-8', async () => {
    start();
    await reached('open');
    sockets[0]?.send(Buffer.from([1, 2, 3]));
    sockets[0]?.send('x'.repeat(2_000));
    await reached('open', 2);
    expect(kinds()).toEqual(['open', 'unreadable', 'unreadable', 'lost', 'open']);
    sockets[1]?.send(Buffer.from([0xff, 0xfe]), { binary: false });
    await reached('open', 3);
    expect(kinds().filter(each => each === 'unreadable')).toHaveLength(3);
  });

  test('stays away while it is held and returns on release', async () => {
    start();
    await reached('open');
    connection.hold('full');
    expect([connection.state, connection.error]).toEqual(['down', 'full']);
    expect(kinds()).toEqual(['open', 'lost']);
    connection.release();
    await reached('open', 2);
  });

  test('goes on trying while nobody is there, and says why', async () => {
    await new Promise(resolve => server.close(resolve));
    start();
    await waitFor(() => connection.error?.includes('ECONNREFUSED'), { what: 'the reason' });
    server.listen(port, '127.0.0.1');
    await reached('open');
    expect(connection.error).toBeNull();
  });

  test('told to reconnect does so at once, whether it is open or waiting', async () => {
    start();
    await reached('open');
    connection.reconnect('an operator asked');
    await reached('open', 2);
    expect(news.find(each => each.kind === 'lost')).toMatchObject({ detail: 'an operator asked' });
    const closed = new Promise(resolve => server.close(resolve));
    for (const socket of sockets) socket.terminate();
    await closed;
    await waitFor(() => connection.error?.includes('ECONNREFUSED'), { what: 'the reason' });
    server.listen(port, '127.0.0.1');
    connection.reconnect('an operator asked');
    await reached('open', 3);
    expect(connection.readyState).toBe(1);
  });

  test('says with which code it was closed', async () => {
    start();
    await reached('open');
    sockets[0]?.close(1012, 'service restart');
    await reached('lost');
    expect(news.find(each => each.kind === 'lost')).toMatchObject({ detail: 'closed with 1012 service restart' });
  });

  test('needs no more than an address and an API client', async () => {
    server.on('request', (_, response) => response.end(JSON.stringify({ access_token: 'own', expires_in: 60 })));
    connection = new CallControlWebSocket(`http://127.0.0.1:${port}`, 'relay', 's');
    news = [];
    const unsubscribe = connection.subscribe(each => news.push(each));
    connection.start();
    await reached('open');
    expect(authorizations).toEqual(['Bearer own']);
    unsubscribe();
    sockets[0]?.send('{}');
    connection.stop();
    expect(kinds()).toEqual(['open']);
  });
});
