import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

/** Socket.IO as its documentation recommends it: one stream in Redis, recovery for two minutes, WebSocket only. */
const { redisUrl } = JSON.parse(process.argv[2] ?? '{}') as { redisUrl: string };
const http = createServer();
new Server(http, {
  adapter: createAdapter(new Redis(redisUrl)),
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true },
  transports: ['websocket'],
  perMessageDeflate: false,
});
process.on('disconnect', () => process.exit());
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }));
