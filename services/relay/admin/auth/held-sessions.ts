import type { StoredAdminSession } from '@3cx-relay/shared/store/admin-sessions.ts';

/**
 * What lives on a session for longer than a request, such as a socket: it ends with the session, when that expires, is
 * ended or may do something else than when it began.
 */
export interface HeldSessions {
  /** `onEnd` is called at most once. Returns the function that lets go, to be called when what held it is over. */
  hold(session: StoredAdminSession, onEnd: () => void): () => void;
  ids(): Iterable<string>;
  /** What the store says of a session now; null: it has ended. */
  review(id: string, current: StoredAdminSession | null): void;
  stop(): void;
}

type Holder = { readonly access: string; readonly end: () => void };

/** A timer of node cannot wait longer than this; a session may. */
const MAX_TIMER_MS = 2_147_483_647;

export function createHeldSessions(
  deps: { onHold: (id: string) => void },
  { now }: { now: () => number },
): HeldSessions {
  const held = new Map<string, Set<Holder>>();

  function letGo(id: string, holder: Holder): void {
    const holders = held.get(id);
    holders?.delete(holder);
    if (holders?.size === 0) held.delete(id);
  }

  return {
    hold(session, onEnd) {
      const remainingMs = Math.min(MAX_TIMER_MS, Math.max(0, session.expiresAt.getTime() - now()));
      const release = () => {
        clearTimeout(timer);
        letGo(session.id, holder);
      };
      const holder: Holder = {
        access: accessOf(session),
        end() {
          release();
          onEnd();
        },
      };
      const timer = setTimeout(holder.end, remainingMs).unref();
      const holders = held.get(session.id) ?? new Set();
      held.set(session.id, holders.add(holder));
      deps.onHold(session.id);
      return release;
    },
    ids: () => held.keys(),
    review(id, current) {
      const access = current && accessOf(current);
      for (const holder of [...(held.get(id) ?? [])]) if (holder.access !== access) holder.end();
    },
    stop() {
      for (const holders of [...held.values()]) for (const holder of [...holders]) holder.end();
    },
  };
}

/** What he may do: whose second factor was removed, where one is required, may do nothing until he has another. */
function accessOf({ user }: StoredAdminSession): string {
  return user.mustSetUpSecondFactor ? 'none' : user.role;
}
