import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { readStream } from './read-stream.ts';

/** The first sketch: each event is made text again for each client, and the library frames each of them. */
const order = JSON.parse(process.argv[2] ?? '{}') as { redisUrl: string; key: string };
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on('disconnect', () => process.exit());
await readStream(order, events => {
  for (const body of events) {
    const event: unknown = JSON.parse(String(body));
    for (const client of server.clients) client.send(JSON.stringify(event));
  }
});
