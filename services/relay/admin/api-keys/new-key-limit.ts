import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { ProblemError } from '../../public/problem-error.ts';

/**
 * Counts the keys that a user makes or rotates, over all instances. What came to nothing, because it was refused or a
 * store is away, does not count.
 *
 * @throws ProblemError `too_many_new_keys`
 */
export type LimitNewKeys = <Made>(userId: number, make: () => Promise<Made>) => Promise<Made>;

const WINDOW_SECONDS = 3_600;

/** Each costs bcrypt and is there for ever: a session in the wrong hands must not make thousands. */
export function createNewKeyLimit(deps: { redis: Redis; keys: LogKeys }, options: { perHour: number }): LimitNewKeys {
  const rules = { points: options.perHour, duration: WINDOW_SECONDS };
  const limiter = new RateLimiterRedis({
    ...rules,
    storeClient: deps.redis,
    keyPrefix: deps.keys.newKeys,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(rules),
  });

  async function take(userId: number): Promise<void> {
    try {
      await limiter.consume(String(userId));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const detail = `${options.perHour} API keys in an hour are what one user may make: try again later`;
      const retryAfterMs = Math.max(1, refusal.msBeforeNext);
      throw ProblemError.of({ ...problem('too_many_new_keys', detail), retryAfterMs });
    }
  }

  return async (userId, make) => {
    // Counted before and given back: otherwise a hundred at once would all be let through.
    await take(userId);
    try {
      return await make();
    } catch (error) {
      await limiter.reward(String(userId)).catch(() => undefined);
      throw error;
    }
  };
}
