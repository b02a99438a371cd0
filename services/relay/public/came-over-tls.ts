import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { isFromLoopback } from './client-address.ts';

/** Whether the client spoke TLS: to us, or to the proxy of this host, which says so in `X-Forwarded-Proto`. */
export function cameOverTls(request: IncomingMessage): boolean {
  if (request.socket instanceof TLSSocket) return true;
  return isFromLoopback(request) && request.headers['x-forwarded-proto'] === 'https';
}
