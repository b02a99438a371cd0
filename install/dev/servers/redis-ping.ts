import { connect } from 'node:net';

/** Who answers on the port: its process id, and whether it has loaded its data. */
export type RedisAnswer = { pid: number; isReady: boolean };

const endOfInfo = /process_id:(\d+)[\s\S]*\r\n$/;

/**
 * PING and INFO by hand. The process id matters: on a port that somebody else took in between, the other one's Redis
 * would answer for ours.
 */
export function pingRedis(port: number, timeoutMs = 500): Promise<RedisAnswer | undefined> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' });
    let reply = '';
    const finish = (answer: RedisAnswer | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\n'));
    socket.on('data', chunk => {
      reply += chunk.toString();
      const pid = endOfInfo.exec(reply)?.[1];
      if (pid !== undefined) finish({ pid: Number(pid), isReady: reply.startsWith('+PONG') });
    });
  });
}
