import { connect } from 'node:net';

export type RedisAnswer = 'ready' | 'loading' | 'silent';

/** PING by hand: the launcher needs this one answer, and needs it before it may assume anything about packages. */
export function pingRedis(port: number, timeoutMs = 500): Promise<RedisAnswer> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (answer: RedisAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish('silent'));
    socket.once('error', () => finish('silent'));
    socket.once('close', () => finish('silent'));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', chunk => {
      const reply = chunk.toString();
      finish(reply.startsWith('+PONG') ? 'ready' : reply.startsWith('-LOADING') ? 'loading' : 'silent');
    });
  });
}
