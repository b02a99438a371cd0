/**
 * Why the relay ends a WebSocket, and whether coming back helps. Codes from 4000 are ours: of them, none is worth a
 * reconnect, because the same request would meet the same verdict.
 */
export interface CloseVerdict {
  readonly code: number;
  readonly reason: string;
  readonly reconnect: boolean;
  /** For people, as a clause. */
  readonly meaning: string;
}

export const GOING_AWAY: CloseVerdict = {
  code: 1001,
  reason: 'going away',
  reconnect: true,
  meaning: 'the server leaves; `reconnect` came before and says after how long',
};
export const TOO_BIG: CloseVerdict = {
  code: 1009,
  reason: 'message too big',
  reconnect: false,
  meaning: 'a message was longer than 64 KiB',
};
export const RESTART: CloseVerdict = {
  code: 1012,
  reason: 'restart',
  reconnect: true,
  meaning: 'the server starts anew, or what the key may do was changed; as 1001',
};
/** A restart of one connection: what its key may do was changed, and whoever comes back has the new rights. */
export const KEY_CHANGED: CloseVerdict = { ...RESTART, reason: 'key changed' };
export const UNAUTHENTICATED: CloseVerdict = {
  code: 4001,
  reason: 'unauthenticated',
  reconnect: false,
  meaning: 'no key, or a key that is not valid',
};
export const FORBIDDEN: CloseVerdict = {
  code: 4003,
  reason: 'forbidden',
  reconnect: false,
  meaning: 'the key lacks a permission',
};
export const KEY_ENDED: CloseVerdict = {
  code: 4009,
  reason: 'key revoked or expired',
  reconnect: false,
  meaning: 'the key was revoked or expired',
};
export const LIMIT: CloseVerdict = {
  code: 4010,
  reason: 'limit',
  reconnect: false,
  meaning: 'too many messages, connections or subscriptions',
};
export const PROTOCOL_ERROR: CloseVerdict = {
  code: 4011,
  reason: 'protocol error',
  reconnect: false,
  meaning: 'a frame or message that the protocol does not know, again and again',
};

export const VERDICTS = [
  GOING_AWAY,
  TOO_BIG,
  RESTART,
  UNAUTHENTICATED,
  FORBIDDEN,
  KEY_ENDED,
  LIMIT,
  PROTOCOL_ERROR,
] as const;

/** A close that no relay pronounced is a lost connection, and those are worth a reconnect. */
export function shouldReconnect(code: number): boolean {
  return VERDICTS.find(verdict => verdict.code === code)?.reconnect ?? true;
}
