import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { clientAddress } from '../public/client-address.ts';
import type { APIKeyManager } from './api-key-manager.ts';
import type { FailedKeys } from './failed-keys.ts';
import type { RefuseCredential } from './refuse-credential.ts';
import type { ApiKey } from './validation.ts';

export type Authenticated = { readonly key: ApiKey } | { readonly problem: Problem };

export type Authenticate = (request: IncomingMessage) => Promise<Authenticated>;

const HOW = 'send an API key as "Authorization: Bearer <key>" or "X-API-Key: <key>"';

/** Reads the key from the headers, never from the URL, and says nothing that would help to guess one. */
export function createAuthenticate(
  keys: Pick<APIKeyManager, 'validateKey'>,
  { refuseCredential, failedKeys }: { refuseCredential: RefuseCredential; failedKeys: Pick<FailedKeys, 'lookUp'> },
): Authenticate {
  return async request => {
    const key = keyFrom(request.headers);
    if (key === null) return { problem: problem('unauthenticated', `no API key: ${HOW}`) };
    const validation = await keys.validateKey(key, work => failedKeys.lookUp(clientAddress(request), work));
    if (validation.ok) return { key: validation.key };
    const detail = `the API key is not valid, was revoked or has expired: ${HOW}`;
    return { problem: await refuseCredential(request, detail) };
  };
}

/** Null when there is none. */
export function keyFrom(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearer;
  const header = headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : null;
}
