import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Where a request came from, for the audit. Behind the proxy of this host everything comes from loopback, and the proxy
 * says in `X-Real-IP` for whom it asks; from anywhere else that header is only a claim.
 */
export function clientAddress(request: IncomingMessage): string | null {
  const remote = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? null;
  const claimed = request.headers['x-real-ip'];
  const isProxied = remote === '127.0.0.1' || remote === '::1';
  return isProxied && typeof claimed === 'string' && isIP(claimed) > 0 ? claimed : remote;
}
