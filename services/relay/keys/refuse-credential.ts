import type { IncomingMessage } from 'node:http';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { clientAddress } from '../public/client-address.ts';
import type { FailedKeys } from './failed-keys.ts';

/**
 * What somebody is told whose key, ticket or pass is not valid. Every such failure comes through here, and only
 * failures do: one with a valid key never meets the limit, whoever else shares its address.
 */
export type RefuseCredential = (request: IncomingMessage, detail: string) => Promise<Problem>;

export function createRefuseCredential(deps: { failedKeys: FailedKeys; onRefused: () => void }): RefuseCredential {
  return async (request, detail) => {
    deps.onRefused();
    const blockedMs = await deps.failedKeys.count(clientAddress(request));
    if (blockedMs === 0) return problem('unauthenticated', detail);
    const tooMany = 'too many keys from this address were not valid: correct the key, a valid one works at once';
    return { ...problem('too_many_failures', tooMany), retryAfterMs: blockedMs };
  };
}
