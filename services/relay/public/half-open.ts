import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/** However many are cut off, the log tells of it so often at most. */
const TELL_EVERY_MS = 10_000;

export type HalfOpenConnections = {
  /** Closes those on which nothing ever came. Node's own `closeIdleConnections` leaves them: to it they have begun a request. */
  closeSilent(): void;
};

/**
 * Bounds the connections of which no whole request has come yet: silent ones, those that drip, and those that are kept
 * alive for a next one. The server gives each of them its time (http-server.ts); that alone lets whoever opens enough of
 * them take all descriptors of the process, those for Redis and PostgreSQL among them.
 *
 * One too many costs the one that has waited longest. To refuse the newest would give strangers the power to keep everybody out;
 * whoever means it sends his request at once and has long left the line when its end is cut off.
 */
export function limitHalfOpen(
  server: Server,
  options: { max: number; logger: Logger; now?: () => number },
): HalfOpenConnections {
  const { max, logger, now = () => performance.now() } = options;
  /** In the order in which they began to wait. */
  const waiting = new Set<Socket>();
  let cut = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  function begin(socket: Socket): void {
    waiting.delete(socket);
    waiting.add(socket);
    const [oldest] = waiting;
    if (waiting.size <= max || !oldest) return;
    waiting.delete(oldest);
    oldest.destroy();
    cut += 1;
    if (now() - toldAt < TELL_EVERY_MS) return;
    logger.warn({ cut, max }, 'more connections than RELAY_MAX_HALF_OPEN send no request: the oldest are cut off');
    toldAt = now();
    cut = 0;
  }

  server.on('connection', socket => {
    socket.once('close', () => waiting.delete(socket));
    begin(socket);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (hasBody(request.headers)) request.once('end', () => waiting.delete(socket));
    else waiting.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) begin(socket);
    });
  });
  server.on('upgrade', ({ socket }: IncomingMessage) => waiting.delete(socket));

  return {
    closeSilent() {
      for (const socket of waiting) if (socket.bytesRead === 0) socket.destroy();
    },
  };
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
}
