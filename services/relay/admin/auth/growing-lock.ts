import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/**
 * So many failures of one name within a window, then the name is locked: for a while, and twice as long each time it
 * happens again within a day. In Redis, so that it holds at every instance and beyond a restart.
 *
 * An attempt is counted before it is known to fail, and given back when it did not: otherwise a hundred at once would
 * all be let through before the first of them has failed.
 */
export interface GrowingLock {
  /** Counts an attempt. 0, or for how many ms the name is locked; then the attempt must not be made. */
  attempt(name: string): Promise<number>;
  /** The attempt was no failure. */
  giveBack(name: string): Promise<void>;
  /** For how many ms the name is locked, without an attempt; 0 when it is not. */
  lockedFor(name: string): Promise<number>;
  /** As if nothing had happened. */
  clear(name: string): Promise<void>;
}

export interface GrowingLockLimits {
  readonly failures: number;
  readonly windowMs: number;
  readonly lockMs: number;
  readonly maxLockMs: number;
}

const REMEMBERED_SECONDS = 86_400;

export function createGrowingLock(
  deps: { redis: Redis; keyPrefix: string; onLock?: (name: string, forMs: number) => Promise<void> },
  limits: GrowingLockLimits,
): GrowingLock {
  const store = { storeClient: deps.redis, rejectIfRedisNotReady: true };
  const failures = new RateLimiterRedis({
    ...store,
    keyPrefix: failuresIn(deps.keyPrefix),
    points: limits.failures,
    // The library counts in whole seconds.
    duration: Math.ceil(limits.windowMs / 1000),
  });
  const locks = new RateLimiterRedis({
    ...store,
    keyPrefix: locksIn(deps.keyPrefix),
    points: Number.MAX_SAFE_INTEGER,
    duration: REMEMBERED_SECONDS,
  });

  async function lock(name: string): Promise<number> {
    const { consumedPoints } = await locks.penalty(name);
    const seconds = Math.ceil(Math.min(limits.maxLockMs, limits.lockMs * 2 ** (consumedPoints - 1)) / 1000);
    await failures.block(name, seconds);
    await deps.onLock?.(name, seconds * 1000);
    return seconds * 1000;
  }

  return {
    async attempt(name) {
      try {
        await failures.consume(name);
        return 0;
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        // The first one beyond: those that come while it is locked do not make it longer.
        const isFirstBeyond = refusal.consumedPoints === limits.failures + 1;
        return isFirstBeyond ? lock(name) : Math.max(1, refusal.msBeforeNext);
      }
    },
    giveBack: async name => void (await failures.reward(name)),
    async lockedFor(name) {
      const found = await failures.get(name);
      return found && found.consumedPoints > limits.failures ? Math.max(0, found.msBeforeNext) : 0;
    },
    clear: name => clearGrowingLock(deps.redis, deps.keyPrefix, name),
  };
}

/** Also for who knows none of the limits. */
export async function clearGrowingLock(redis: Redis, keyPrefix: string, name: string): Promise<void> {
  await redis.del(`${failuresIn(keyPrefix)}:${name}`, `${locksIn(keyPrefix)}:${name}`);
}

const failuresIn = (keyPrefix: string) => `${keyPrefix}:failures`;
const locksIn = (keyPrefix: string) => `${keyPrefix}:locks`;
