import type { IncomingHttpHeaders } from 'node:http';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import type { APIKeyManager } from './api-key-manager.ts';
import type { ApiKey } from './validation.ts';

export type Authenticated = { readonly key: ApiKey } | { readonly problem: Problem };

export type Authenticate = (headers: IncomingHttpHeaders) => Promise<Authenticated>;

const HOW = 'send an API key as "Authorization: Bearer <key>" or "X-API-Key: <key>"';

/** Reads the key from the headers, never from the URL, and says nothing that would help to guess one. */
export function createAuthenticate(keys: APIKeyManager): Authenticate {
  return async headers => {
    const key = keyFrom(headers);
    if (key === null) return { problem: problem('unauthenticated', `no API key: ${HOW}`) };
    const validation = await keys.validateKey(key);
    if (validation.ok) return { key: validation.key };
    return { problem: problem('unauthenticated', `the API key is not valid, was revoked or has expired: ${HOW}`) };
  };
}

function keyFrom(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer) return bearer;
  const header = headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : null;
}
