import type { WebSocket } from 'ws';
import { isTicket } from '../keys/authenticate-upgrade.ts';
import type { Encoding } from './encoding.ts';

/** One message in a frame, and many: what a client prefers it offers first. */
const SUBPROTOCOLS: ReadonlyMap<string, Encoding> = new Map([
  ['relay.v1', 'frames'],
  ['relay.v1.ndjson', 'ndjson'],
]);

/**
 * The first of the offered subprotocols that we speak; false when there is none. A browser breaks a connection off that
 * selects none of what it offered, so that one who offers nothing else gets his ticket back: it is used up by then.
 */
export function selectSubprotocol(offered: Iterable<string>): string | false {
  const names = [...offered];
  return names.find(name => SUBPROTOCOLS.has(name)) ?? names.find(isTicket) ?? false;
}

/** What was agreed upon in the handshake. */
export function encodingOf(ws: Pick<WebSocket, 'protocol' | 'extensions'>): Encoding {
  const encoding = SUBPROTOCOLS.get(ws.protocol) === 'ndjson' ? 'ndjson' : 'frames';
  return ws.extensions.includes('permessage-deflate') ? `${encoding}+deflate` : encoding;
}
