import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Where a request came from, for the audit. Behind the proxy of this host everything comes from loopback, and the proxy
 * says in `X-Real-IP` for whom it asks; from anywhere else that header is only a claim.
 */
export function clientAddress(request: IncomingMessage): string | null {
  const claimed = request.headers['x-real-ip'];
  if (isFromLoopback(request) && typeof claimed === 'string' && isIP(claimed) > 0) return claimed;
  return remoteAddress(request);
}

/** Only then are the headers of a proxy more than a claim. */
export function isFromLoopback(request: IncomingMessage): boolean {
  const remote = remoteAddress(request);
  return remote === '127.0.0.1' || remote === '::1';
}

function remoteAddress(request: IncomingMessage): string | null {
  return request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? null;
}
