import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { digestOfSecret, randomSecret } from './random-secret.ts';
import type { HolderId, ValidateHolder, Validation } from './validation.ts';

/**
 * What lets a browser's EventSource in again. It reconnects by itself, with the URL it began with, and the ticket in
 * that URL is used up by then; the cookie with the pass, which the first answer set, is what it has besides.
 */
export interface StreamPasses {
  issue(holder: HolderId): Promise<string>;
  /** A pass that is used lives on for the whole time again. */
  check(pass: string): Promise<Validation>;
  /** Keeps the pass of a stream that is open from expiring under it; never rejects. */
  keep(pass: string): { stop(): void };
}

export function createStreamPasses(
  deps: { redis: Redis; keys: LogKeys; validateHolder: ValidateHolder },
  options: { ttlMs: number },
): StreamPasses {
  const { redis, keys, validateHolder } = deps;
  const { ttlMs } = options;
  return {
    async issue(holder) {
      const pass = randomSecret();
      await redis.set(keys.streamPass(digestOfSecret(pass) ?? ''), JSON.stringify(holder), 'PX', ttlMs);
      return pass;
    },
    async check(pass) {
      const digest = digestOfSecret(pass);
      if (digest === null) return { ok: false, reason: 'malformed' };
      const holder = await redis.getex(keys.streamPass(digest), 'PX', ttlMs);
      return holder === null ? { ok: false, reason: 'unknown' } : validateHolder(JSON.parse(holder) as HolderId);
    },
    keep(pass) {
      const key = keys.streamPass(digestOfSecret(pass) ?? '');
      // While Redis is away nothing is renewed; three tries within a life are enough for most outages.
      const timer = setInterval(() => void redis.pexpire(key, ttlMs).catch(() => undefined), ttlMs / 3).unref();
      return { stop: () => clearInterval(timer) };
    },
  };
}
