import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { isFromProxy } from './client-address.ts';

/** Whether the client spoke TLS: to us, or to a proxy that we trust, which says so in `X-Forwarded-Proto`. */
export function cameOverTls(request: IncomingMessage): boolean {
  if (request.socket instanceof TLSSocket) return true;
  return isFromProxy(request) && request.headers['x-forwarded-proto'] === 'https';
}
