import { isIPv6 } from 'node:net';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createSemaphore } from '@3cx-relay/shared/runtime/semaphore.ts';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Counts keys that were not valid, for each address and over all instances. */
export interface FailedKeys {
  /** Counts one more. 0, or for how many ms this address is told to stay away. */
  count(address: string | null): Promise<number>;
  /**
   * Looks a credential up that somebody at this address shows. Those who are told to stay away share a lane of one: with
   * ever new guesses they would hold every connection to PostgreSQL, and a valid key among theirs works all the same.
   */
  lookUp<Found>(address: string | null, work: () => Promise<Found>): Promise<Found>;
}

/** Of the library's limiter, not in its types: for how many ms it knows, without asking Redis, that a key is blocked. */
interface BlockedInMemory {
  getInMemoryBlockMsBeforeExpire(key: string): number;
}

export interface FailedKeysLimits {
  readonly perMinute: number;
  readonly blockMs: number;
}

const WINDOW_SECONDS = 60;

export function createFailedKeys(deps: { redis: Redis; keys: LogKeys }, limits: FailedKeysLimits): FailedKeys {
  // The library's Redis side counts in whole seconds.
  const blockSeconds = Math.ceil(limits.blockMs / 1000);
  const rules = { points: limits.perMinute, duration: WINDOW_SECONDS, blockDuration: blockSeconds };
  const limiter = new RateLimiterRedis({
    ...rules,
    storeClient: deps.redis,
    keyPrefix: deps.keys.failedKeys,
    rejectIfRedisNotReady: true,
    // An address that is blocked costs Redis nothing more.
    inMemoryBlockOnConsumed: limits.perMinute + 1,
    inMemoryBlockDuration: blockSeconds,
    insuranceLimiter: new RateLimiterMemory(rules),
  });
  const lane = createSemaphore(1);
  const isBlocked = (address: string | null) => {
    const key = limiter.getKey(toNetwork(address));
    return (limiter as unknown as BlockedInMemory).getInMemoryBlockMsBeforeExpire(key) > 0;
  };
  return {
    lookUp: (address, work) => (isBlocked(address) ? lane(work) : work()),
    async count(address) {
      try {
        await limiter.consume(toNetwork(address));
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
        throw refusal;
      }
    },
  };
}

function toNetwork(address: string | null): string {
  return networkOf(address ?? 'unknown');
}

/** Who has IPv6 has a whole /64 to guess from: its addresses count as one. */
export function networkOf(address: string): string {
  const embedded = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (embedded) return embedded;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - first.length - last.length }, () => 0);
  const groups = [...first, ...zeros, ...last].slice(0, 4);
  return `${groups.map(group => group.toString(16)).join(':')}::/64`;
}

function groupsOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16));
}
