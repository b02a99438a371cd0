import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { digestOfSecret, randomSecret } from './random-secret.ts';
import type { HolderId, ValidateHolder, Validation } from './validation.ts';

/**
 * One-use tickets: a browser can put no key into the headers of a WebSocket or an EventSource, and a key never goes into
 * a URL. A ticket may stand there, because it is worth nothing a moment later.
 */
export interface Tickets {
  issue(holder: HolderId): Promise<Ticket>;
  /** Exactly one of all who come with the same ticket, at whatever instance, is let in. */
  redeem(ticket: string): Promise<Validation>;
}

export interface Ticket {
  readonly ticket: string;
  readonly expiresAt: Date;
  readonly expiresInMs: number;
}

export function createTickets(
  deps: { redis: Redis; keys: LogKeys; validateHolder: ValidateHolder },
  options: { ttlMs: number },
): Tickets {
  const { redis, keys, validateHolder } = deps;
  return {
    async issue(holder) {
      const ticket = randomSecret();
      const expiresAt = new Date(Date.now() + options.ttlMs);
      await redis.set(keys.ticket(digestOfSecret(ticket) ?? ''), JSON.stringify(holder), 'PX', options.ttlMs);
      return { ticket, expiresAt, expiresInMs: options.ttlMs };
    },
    async redeem(ticket) {
      const digest = digestOfSecret(ticket);
      if (digest === null) return { ok: false, reason: 'malformed' };
      const holder = await redis.getdel(keys.ticket(digest));
      // The key itself is asked again: what it may do, and whether it still exists, is decided now and not then.
      return holder === null ? { ok: false, reason: 'unknown' } : validateHolder(JSON.parse(holder) as HolderId);
    },
  };
}
