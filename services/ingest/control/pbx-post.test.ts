import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createPbxPost } from './pbx-post.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A PBX that does to each connection what the test says. */
async function listen(onConnection: (socket: Socket) => void): Promise<{ url: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return { url: `http://127.0.0.1:${address.port}`, server };
}

function post(url: string, timeoutMs = 2_000) {
  const pbx = createPbxPost(url, { timeoutMs, maxSockets: 2 });
  stops.push(() => pbx.stop());
  return pbx.post('/callcontrol/101/makecall', { authorization: 'Bearer t', body: { destination: '102' } });
}

test('the answer is handed over, and the request is what the PBX wants', async () => {
  let received = '';
  const { url } = await listen(socket =>
    socket.on('data', data => {
      received += data.toString();
      socket.end('HTTP/1.1 422 X\r\ncontent-length: 2\r\n\r\n{}');
    }),
  );
  expect(await post(url)).toEqual({ kind: 'answered', status: 422, text: '{}' });
  expect(received).toMatch(/^POST \/callcontrol\/101\/makecall HTTP/);
  expect(received).toContain('content-type: application/json');
  expect(received).toContain('connection: close');
  expect(received).toMatch(/\{"destination":"102"\}$/);
});

test('where nobody listens nothing was sent', async () => {
  const { url, server } = await listen(() => undefined);
  server.close();
  await once(server, 'close');
  expect(await post(url)).toMatchObject({ kind: 'not_sent', message: expect.stringContaining('ECONNREFUSED') });
});

test('a TLS handshake that fails sent nothing', async () => {
  const { url } = await listen(socket => socket.on('data', () => socket.destroy()));
  expect(await post(url.replace('http:', 'https:'))).toMatchObject({ kind: 'not_sent' });
});

test('a PBX that takes the request and says nothing may have executed it', async () => {
  const { url } = await listen(() => undefined);
  expect(await post(url, 100)).toEqual({ kind: 'no_answer', message: 'no answer within 100 ms' });
});

test('a connection that breaks after the request may have executed it', async () => {
  const { url } = await listen(socket => socket.on('data', () => socket.resetAndDestroy()));
  expect(await post(url)).toMatchObject({ kind: 'no_answer' });
});

test('an answer that breaks off, or is endless, may belong to a command that was executed', async () => {
  const broken = await listen(socket =>
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"final');
      setTimeout(() => socket.destroy(), 20);
    }),
  );
  expect(await post(broken.url)).toMatchObject({ kind: 'no_answer' });
  const endless = await listen(socket =>
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      for (let i = 0; i < 10; i++) socket.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
    }),
  );
  expect(await post(endless.url)).toMatchObject({ kind: 'no_answer', message: expect.stringContaining('longer than') });
});
