import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Ports below the kernel's ephemeral range. A server's port from inside that range can be taken by any outgoing
 * connection while the server restarts; a client that keeps reconnecting to it can even connect to itself and hold it.
 */
export const LOWEST_PORT = 20_000;

export function highestPort(): number {
  try {
    const first = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return first > LOWEST_PORT + 1_000 ? first - 1 : 32_767;
  } catch {
    return 32_767;
  }
}

export type PortState = 'free' | 'in use' | 'forbidden';

export function probePort(port: number, host = '127.0.0.1'): Promise<PortState> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('in use');
      else if (error.code === 'EACCES') resolve('forbidden');
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')));
  });
}

/**
 * Free, and promised to nobody else until this process ends: a server may take seconds to open its port, and meanwhile
 * another process that looked, too, would have found it free.
 */
export async function findFreePort(random: () => number = Math.random): Promise<number> {
  const highest = highestPort();
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = LOWEST_PORT + Math.floor(random() * (highest - LOWEST_PORT));
    if ((await probePort(port)) === 'free' && (await promise(port))) return port;
  }
  throw new Error(`no free port found between ${LOWEST_PORT} and ${highest} on 127.0.0.1`);
}

/** The UDP port of the same number is the promise: it is in no server's way, and the kernel takes it back by itself. */
function promise(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise(resolve => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}
