import type { StoredAdminSession } from '@3cx-relay/shared/store/admin-sessions.ts';

/**
 * The sessions that were seen lately. An answer goes stale after a while but stays until it is displaced or its session
 * is over: while PostgreSQL is away, a stale one is what keeps those who are signed in from being thrown out.
 *
 * Only sessions that exist are remembered. A token that verifies was signed by a relay, so nobody can make us ask
 * PostgreSQL for sessions that never were.
 */
export interface KnownSessions {
  get(id: string): { readonly session: StoredAdminSession; readonly isFresh: boolean } | null;
  learn(session: StoredAdminSession): void;
  forget(id: string): void;
  ids(): Iterable<string>;
}

export interface KnownSessionsOptions {
  readonly freshMs: number;
  readonly maxSessions: number;
}

export function createKnownSessions(options: KnownSessionsOptions, now: () => number): KnownSessions {
  const known = new Map<string, { session: StoredAdminSession; until: number }>();
  return {
    get(id) {
      const found = known.get(id);
      if (!found) return null;
      if (found.session.expiresAt.getTime() > now()) return { session: found.session, isFresh: now() < found.until };
      known.delete(id);
      return null;
    },
    learn(session) {
      // Put at the end: the one that was learnt longest ago is the one to be displaced.
      known.delete(session.id);
      known.set(session.id, { session, until: now() + options.freshMs });
      if (known.size <= options.maxSessions) return;
      const oldest = known.keys().next();
      if (!oldest.done) known.delete(oldest.value);
    },
    forget: id => void known.delete(id),
    ids: () => known.keys(),
  };
}
