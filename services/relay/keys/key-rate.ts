import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { ApiKey } from './validation.ts';

/**
 * Requests in a second, per key. A key with a limit of its own is counted in Redis, for all instances together; while
 * Redis is away each counts for itself. The default is there to stop a client gone wild and worth no trip to Redis.
 */
export interface KeyRate {
  /** Counts one request. 0 when it may go on; else the ms after which the next may. */
  take(key: ApiKey): Promise<number>;
  perSecond(key: ApiKey): number;
}

type Limiter = RateLimiterMemory | RateLimiterRedis;

const DURATION_SECONDS = 1;

export function createKeyRate(deps: { redis: Redis; keys: LogKeys }, options: { requestsPerSecond: number }): KeyRate {
  const common = new RateLimiterMemory({ points: options.requestsPerSecond, duration: DURATION_SECONDS });
  /** By limit: the library's limiters know one limit each. Operators write them, so that they are few. */
  const own = new Map<number, RateLimiterRedis>();

  function limiterOf({ requestsPerSecond: points }: ApiKey): Limiter {
    if (points === null) return common;
    const limiter =
      own.get(points) ??
      new RateLimiterRedis({
        storeClient: deps.redis,
        keyPrefix: deps.keys.rateOfKeys,
        points,
        duration: DURATION_SECONDS,
        rejectIfRedisNotReady: true,
        // Once a key is over its limit, the rest of the second costs no trip to Redis.
        inMemoryBlockOnConsumed: points,
        insuranceLimiter: new RateLimiterMemory({ points, duration: DURATION_SECONDS }),
      });
    own.set(points, limiter);
    return limiter;
  }

  return {
    async take(key) {
      try {
        await limiterOf(key).consume(String(key.id));
        return 0;
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return Math.max(1, refusal.msBeforeNext);
        throw refusal;
      }
    },
    perSecond: key => key.requestsPerSecond ?? options.requestsPerSecond,
  };
}
