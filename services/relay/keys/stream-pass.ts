import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { APIKeyManager } from './api-key-manager.ts';
import { digestOfSecret, randomSecret } from './random-secret.ts';
import type { Validation } from './validation.ts';

/**
 * What lets a browser's EventSource in again. It reconnects by itself, with the URL it began with, and the ticket in
 * that URL is used up by then; the cookie with the pass, which the first answer set, is what it has besides.
 */
export interface StreamPasses {
  issue(keyId: number): Promise<string>;
  /** A pass that is used lives on for the whole time again. */
  check(pass: string): Promise<Validation>;
  /** Keeps the pass of a stream that is open from expiring under it; never rejects. */
  keep(pass: string): { stop(): void };
}

export function createStreamPasses(
  deps: { redis: Redis; keys: LogKeys; apiKeys: Pick<APIKeyManager, 'validateKeyId'> },
  options: { ttlMs: number },
): StreamPasses {
  const { redis, keys, apiKeys } = deps;
  const { ttlMs } = options;
  return {
    async issue(keyId) {
      const pass = randomSecret();
      await redis.set(keys.streamPass(digestOfSecret(pass) ?? ''), keyId, 'PX', ttlMs);
      return pass;
    },
    async check(pass) {
      const digest = digestOfSecret(pass);
      if (digest === null) return { ok: false, reason: 'malformed' };
      const keyId = await redis.getex(keys.streamPass(digest), 'PX', ttlMs);
      return keyId === null ? { ok: false, reason: 'unknown' } : apiKeys.validateKeyId(Number(keyId));
    },
    keep(pass) {
      const key = keys.streamPass(digestOfSecret(pass) ?? '');
      // While Redis is away nothing is renewed; three tries within a life are enough for most outages.
      const timer = setInterval(() => void redis.pexpire(key, ttlMs).catch(() => undefined), ttlMs / 3).unref();
      return { stop: () => clearInterval(timer) };
    },
  };
}
