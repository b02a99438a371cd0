import { connect } from 'node:net';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';

/** Readers that each hold a connection to Redis and block on the same stream, on bare sockets. */
const order = JSON.parse(process.argv[2] ?? '{}') as { redisUrl: string; pbxId: string; readers: number };
const key = createLogKeys(order.pbxId).log('calls');
const parts = ['XREAD', 'BLOCK', '1000', 'COUNT', '500', 'STREAMS', key, '$'];
const question = `*${parts.length}\r\n${parts.map(part => `$${part.length}\r\n${part}\r\n`).join('')}`;

process.on('disconnect', () => process.exit());
const port = Number(new URL(order.redisUrl).port);
await Promise.all(
  Array.from({ length: order.readers }, () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    // An answer is small and comes in one piece; whatever it says, the next question follows.
    socket.on('data', () => socket.write(question));
    return new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('connect', () => {
        socket.write(question);
        resolve();
      });
    });
  }),
);
process.send?.({ ready: true });
