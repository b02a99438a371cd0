import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Ports below the kernel's ephemeral range. A server's port from inside that range can be taken by any outgoing
 * connection while the server restarts; a client that keeps reconnecting to it can even connect to itself and hold it.
 */
const lowestPort = 20_000;

function highestPort(): number {
  try {
    const first = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
    return first > lowestPort + 1_000 ? first - 1 : 32_767;
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

/** Free at this moment: whoever starts a server on it tries another when somebody was faster. */
export async function findFreePort(random: () => number = Math.random): Promise<number> {
  const highest = highestPort();
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = lowestPort + Math.floor(random() * (highest - lowestPort));
    if ((await probePort(port)) === 'free') return port;
  }
  throw new Error(`no free port found between ${lowestPort} and ${highest} on 127.0.0.1`);
}
