/**
 * Why the relay ends a WebSocket, and whether coming back helps. Codes from 4000 are ours: of them, none is worth a
 * reconnect, because the same request would meet the same verdict.
 */
export interface CloseVerdict {
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
}

export const GOING_AWAY: CloseVerdict = { code: 1001, reason: 'going away', reconnect: true };
export const TOO_BIG: CloseVerdict = { code: 1009, reason: 'message too big', reconnect: false };
export const RESTART: CloseVerdict = { code: 1012, reason: 'restart', reconnect: true };
/** A restart of one connection: what its key may do was changed, and whoever comes back has the new rights. */
export const KEY_CHANGED: CloseVerdict = { code: 1012, reason: 'key changed', reconnect: true };
export const UNAUTHENTICATED: CloseVerdict = { code: 4001, reason: 'unauthenticated', reconnect: false };
export const FORBIDDEN: CloseVerdict = { code: 4003, reason: 'forbidden', reconnect: false };
export const KEY_ENDED: CloseVerdict = { code: 4009, reason: 'key revoked or expired', reconnect: false };
export const LIMIT: CloseVerdict = { code: 4010, reason: 'limit', reconnect: false };
export const PROTOCOL_ERROR: CloseVerdict = { code: 4011, reason: 'protocol error', reconnect: false };

const VERDICTS = [GOING_AWAY, TOO_BIG, RESTART, UNAUTHENTICATED, FORBIDDEN, KEY_ENDED, LIMIT, PROTOCOL_ERROR];

/** A close that no relay pronounced is a lost connection, and those are worth a reconnect. */
export function shouldReconnect(code: number): boolean {
  return VERDICTS.find(verdict => verdict.code === code)?.reconnect ?? true;
}
