import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { ProblemError } from '../../public/problem-error.ts';

/** Counts a key that a user makes or rotates, over all instances. @throws ProblemError `too_many_new_keys` */
export type TakeNewKey = (userId: number) => Promise<void>;

const WINDOW_SECONDS = 3_600;

/** Each costs bcrypt and is there for ever: a session in the wrong hands must not make thousands. */
export function createNewKeyLimit(deps: { redis: Redis; keys: LogKeys }, options: { perHour: number }): TakeNewKey {
  const rules = { points: options.perHour, duration: WINDOW_SECONDS };
  const limiter = new RateLimiterRedis({
    ...rules,
    storeClient: deps.redis,
    keyPrefix: deps.keys.newKeys,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(rules),
  });
  return async userId => {
    try {
      await limiter.consume(String(userId));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      const detail = `${options.perHour} API keys in an hour are what one user may make: try again later`;
      const retryAfterMs = Math.max(1, refusal.msBeforeNext);
      throw ProblemError.of({ ...problem('too_many_new_keys', detail), retryAfterMs });
    }
  };
}
