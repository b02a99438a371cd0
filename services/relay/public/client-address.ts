import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { AddressList } from '../keys/address-list.ts';

const TRUSTED = Symbol('comes from a trusted proxy');

interface MarkedSocket extends Socket {
  [TRUSTED]?: true;
}

/**
 * Where a request came from, for the audit. Behind the proxy of this host everything comes from loopback, behind another
 * one from an address of RELAY_TRUSTED_PROXIES, and the proxy says in `X-Real-IP` for whom it asks; from anywhere else that
 * header is only a claim.
 */
export function clientAddress(request: IncomingMessage): string | null {
  const claimed = request.headers['x-real-ip'];
  if (isFromProxy(request) && typeof claimed === 'string' && isIP(claimed) > 0) return claimed;
  return toAddress(request.socket);
}

/** Only then are the headers of a proxy more than a claim. */
export function isFromProxy({ socket }: IncomingMessage): boolean {
  const remote = toAddress(socket);
  return remote === '127.0.0.1' || remote === '::1' || (socket as MarkedSocket)[TRUSTED] === true;
}

/** To be done once for each connection, before its first request. */
export function markProxy(socket: MarkedSocket, proxies: AddressList): void {
  const address = toAddress(socket);
  if (address !== null && proxies.includes(address)) socket[TRUSTED] = true;
}

function toAddress({ remoteAddress }: Socket): string | null {
  return remoteAddress?.replace(/^::ffff:/, '') ?? null;
}
