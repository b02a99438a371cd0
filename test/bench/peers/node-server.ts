import type { Stand } from '../frame/stand.ts';
import { startProgram } from '../load/child-program.ts';
import { alwaysThere, type Peer, type Running } from './peer.ts';

/** Servers of our own making, each a process beside a Redis as Redis is by default, without an append file. */
const STREAM = 'events';

interface ServerOrder {
  readonly redisUrl: string;
  readonly key: string;
}

async function startServer(
  file: string,
  stand: Stand,
): Promise<{ pid: number; port: number; redisUrl: string; redisPid: number; stop(): Promise<void> }> {
  const redis = await stand.redis('none');
  const program = startProgram<object>(file, { redisUrl: redis.url, key: STREAM } satisfies ServerOrder);
  const { port } = await program.ask('port');
  return {
    ...{ pid: program.pid, port: Number(port), redisUrl: redis.url, redisPid: redis.pid },
    async stop() {
      await program.stop();
      await redis.stop();
    },
  };
}

/** Socket.IO with the adapter and with connection-state recovery, as its documentation sets them up. */
export const socketIo: Peer = {
  name: 'Socket.IO + adapter',
  role: 'peer',
  isNode: true,
  obtain: alwaysThere,
  async start(stand): Promise<Running> {
    const { pid, port, redisUrl, redisPid, stop } = await startServer('peers/socket-io-process.ts', stand);
    return {
      pids: [pid, redisPid],
      serverPid: pid,
      feed: { feed: 'socket.io', redisUrl },
      wire: { wire: 'socket.io', port, path: '/socket.io/?EIO=4&transport=websocket', headers: {} },
      stop,
    };
  },
};

/** A server that makes the text of each message for each client, as a first sketch would. */
export const plainWs: Peer = ofStream('ws, stringify per client', 'peer', 'peers/plain-ws-process.ts');

/** Nothing but one ready frame for each event, written to each socket: no keys, filters, positions or queues. */
export const readyFrames: Peer = ofStream('ready frames to sockets', 'limit', 'peers/ready-frames-process.ts');

function ofStream(name: string, role: 'peer' | 'limit', file: string): Peer {
  return {
    name,
    role,
    isNode: true,
    obtain: alwaysThere,
    async start(stand) {
      const { pid, port, redisUrl, redisPid, stop } = await startServer(file, stand);
      return {
        pids: [pid, redisPid],
        serverPid: pid,
        feed: { feed: 'stream', redisUrl, key: STREAM },
        wire: { wire: 'websocket', port, path: '/', headers: {} },
        stop,
      };
    },
  };
}
