import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { framed } from '../../../services/relay/live/text-frame.ts';
import { readStream } from './read-stream.ts';

/** The bare limit with one write for each client and batch: frames made once, concatenated, straight to the sockets. */
const order = JSON.parse(process.argv[2] ?? '{}') as { redisUrl: string; key: string };
const sockets = new Set<Socket>();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
server.on('connection', (client, request) => {
  sockets.add(request.socket);
  client.on('close', () => sockets.delete(request.socket));
});
process.on('disconnect', () => process.exit());
await readStream(order, events => {
  const frames = Buffer.concat(events.map(framed));
  for (const socket of sockets) socket.write(frames);
});
