import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { oneLook } from '@3cx-relay/shared/log/one-look.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from '../public/problem-error.ts';
import { digestOfSecret, randomSecret } from './random-secret.ts';
import type { HolderId, ValidateHolder, Validation } from './validation.ts';

/**
 * What lets a browser's EventSource in again. It reconnects by itself, with the URL it began with, and the ticket in
 * that URL is used up by then; the cookie with the pass, which the first answer set, is what it has besides.
 */
export interface StreamPasses {
  /** @throws ProblemError when this holder was given as many as may be kept, until the first of them have expired */
  issue(holder: HolderId): Promise<string>;
  /** A pass that is used lives on for the whole time again. */
  check(pass: string): Promise<Validation>;
  /** Keeps the pass of a stream that is open from expiring under it; never rejects. */
  keep(pass: string): { stop(): void };
}

export function createStreamPasses(
  deps: { redis: Redis; keys: LogKeys; validateHolder: ValidateHolder },
  options: { ttlMs: number; maxPasses: number },
): StreamPasses {
  const { redis, keys, validateHolder } = deps;
  const { ttlMs, maxPasses } = options;

  /** As many as are given within the life of one. Whoever wants one to live longer has to use it, or to keep a stream open. */
  async function count(holder: HolderId): Promise<void> {
    const counter = keys.streamPasses(String(holder));
    const look = redis.multi().incr(counter).pexpire(counter, ttlMs, 'NX').pttl(counter);
    const [given, , leftMs] = (await oneLook(look)) as [number, number, number];
    if (given <= maxPasses) return;
    const detail = `${maxPasses} event streams were begun with tickets of this holder lately (RELAY_MAX_STREAM_PASSES): come back with the cookie of one, or send the key`;
    throw ProblemError.of({ ...problem('too_many_requests', detail), retryAfterMs: Math.max(1_000, leftMs) });
  }

  return {
    async issue(holder) {
      await count(holder);
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
