import { PANEL_CLIENT } from '@3cx-relay/shared/log/request-entry.ts';
import type { ApiKey } from '../../keys/validation.ts';
import type { SignedIn } from '../admin-state.ts';

/**
 * What somebody who is signed in may do as a client of the relay: read everything, whatever his role, and command
 * nothing. It ends with the session.
 */
export function toSessionKey(session: SignedIn): ApiKey {
  return {
    id: session.id,
    clientName: `${PANEL_CLIENT}${session.user.username}`,
    permissions: ['read', 'history', 'monitor'],
    ...{ expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null },
    session,
  };
}
