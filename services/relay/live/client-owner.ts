import type { IncomingMessage } from 'node:http';
import { type ApiKey, keyIdOf } from '../keys/validation.ts';
import { clientAddress } from '../public/client-address.ts';

/** Whose connection it is, for the people who run the relay. */
export interface ClientOwner {
  /** Null of somebody who is signed in. */
  readonly keyId: number | null;
  readonly clientName: string;
  /** Null of a key. */
  readonly user: string | null;
  readonly address: string | null;
  readonly connectedAt: number;
}

export function ownerOf(key: ApiKey, request: IncomingMessage): ClientOwner {
  return {
    keyId: keyIdOf(key),
    clientName: key.clientName,
    user: key.session?.user.username ?? null,
    address: clientAddress(request),
    connectedAt: Date.now(),
  };
}
