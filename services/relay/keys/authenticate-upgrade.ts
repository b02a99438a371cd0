import type { IncomingMessage } from 'node:http';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import type { Origins } from '../public/origins.ts';
import { type Authenticate, keyFrom } from './authenticate.ts';
import type { RefuseCredential } from './refuse-credential.ts';
import type { Tickets } from './tickets.ts';

export interface UpgradeAccess {
  readonly authenticate: Authenticate;
  readonly tickets: Tickets;
  readonly origins: Origins;
  readonly refuseCredential: RefuseCredential;
}

const TICKET = 'ticket.';

/** Decides who may open a WebSocket: by the key in the headers or, in a browser, by a ticket among the subprotocols. */
export function createAuthenticateUpgrade(access: UpgradeAccess): Authenticate {
  return async request => {
    const ticket = ticketOf(request);
    if (ticket === null) return access.authenticate(request);
    // Before the ticket is used up: a page that may not connect must not use up what another may.
    if (!access.origins.allows(request)) return { problem: forbiddenOrigin() };
    const validation = await access.tickets.redeem(ticket);
    if (validation.ok) return { key: validation.key };
    const detail = 'the ticket is unknown, used or expired: get a new one from POST /relay/tickets';
    return { problem: await access.refuseCredential(request, detail) };
  };
}

/**
 * The ticket that this connection depends on; null when a key was sent. A browser can send no key, and learns nothing of
 * the HTTP answer to an upgrade that was refused.
 */
export function ticketOf(request: IncomingMessage): string | null {
  if (keyFrom(request.headers) !== null) return null;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim());
  return offered.find(isTicket)?.slice(TICKET.length) ?? null;
}

/** Whether a subprotocol that was offered is a ticket. */
export function isTicket(subprotocol: string): boolean {
  return subprotocol.startsWith(TICKET);
}

export function forbiddenOrigin(): Problem {
  return problem(
    'forbidden',
    'pages of this Origin may not connect: RELAY_ALLOWED_ORIGINS of the relay does not name it',
  );
}
