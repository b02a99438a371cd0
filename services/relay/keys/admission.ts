import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import { type AddressList, createAddressList } from './address-list.ts';
import type { FailedKeys } from './failed-keys.ts';
import type { KeyRate } from './key-rate.ts';
import type { ApiKey } from './validation.ts';

/** Whether a valid key may be used from here, now: null, or why not. */
export type Admit = (key: ApiKey, use: KeyUse) => Promise<Problem | null>;

export interface KeyUse {
  /** Where the request comes from; null when its socket is gone. */
  readonly address: string | null;
  /** An upgrade begins a connection, and those are counted while they last (live-keys.ts). */
  readonly kind: 'request' | 'upgrade';
}

/** A key in the wrong hands counts as one that is not valid: it must not decide how fast the log and the audit grow. */
export function createAdmission(rate: KeyRate, failedKeys: Pick<FailedKeys, 'count'>): Admit {
  // A key that is remembered is the same object in each request.
  const lists = new WeakMap<ApiKey, AddressList>();

  const listOf = (key: ApiKey, addresses: readonly string[]): AddressList => {
    const list = lists.get(key) ?? createAddressList(addresses);
    lists.set(key, list);
    return list;
  };

  return async (key, { address, kind }) => {
    if (key.addresses && !(address !== null && listOf(key, key.addresses).includes(address))) {
      const detail = `this key may not be used from ${address ?? 'an address that is not known'}`;
      const blockedMs = await failedKeys.count(address);
      return blockedMs === 0
        ? problem('address_not_allowed', detail)
        : { ...problem('too_many_failures', detail), retryAfterMs: blockedMs };
    }
    // Clients of a key without a limit that all come back after a restart are no abuse, however many they are.
    if (kind === 'upgrade' && key.requestsPerSecond === null) return null;
    const waitMs = await rate.take(key);
    if (waitMs === 0) return null;
    const perSecond = rate.perSecond(key);
    return {
      ...problem('too_many_requests', `this key may make ${perSecond} requests in a second: try again later`),
      retryAfterMs: waitMs,
    };
  };
}
