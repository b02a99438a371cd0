import { type CloseVerdict, KEY_CHANGED, KEY_ENDED } from '@3cx-relay/shared/wire/close-codes.ts';
import { type Problem, problem } from '@3cx-relay/shared/wire/problem.ts';
import type { SignedIn } from '../admin/admin-state.ts';
import type { LiveClient } from '../live/live-client.ts';
import { type ApiKey, type HolderId, hasExpired, type Validation } from './validation.ts';

/**
 * The connections that live on a key, whatever their transport: counts them, and ends them when the key ends or may do
 * something else than when they began. Expiry is watched here; what changes in the store is told by `review`.
 */
export interface LiveKeys {
  /**
   * `close` is called at most once, when the connection must end. Returns the function that takes the connection out
   * again, to be called when it is over; null when the key has as many connections as it may.
   */
  register(key: ApiKey, close: CloseLive): (() => void) | null;
  /** Like `register` for a request that waits: it ends with its key and is not counted. */
  watch(key: ApiKey, close: CloseLive): () => void;
  count(id: HolderId): number;
  /** What somebody is told whose connection `register` did not take. */
  refusal(key: ApiKey): Problem;
  keyIds(): Iterable<number>;
  /** What the store says of a key now. */
  review(keyId: number, current: Validation): void;
  stop(): void;
}

export type CloseLive = (verdict: CloseVerdict) => void;

/** Calls `onEnd` when the session is over; returns the function that lets go. */
export type HoldSession = (session: SignedIn, onEnd: () => void) => () => void;

/** How long a client has to answer the close before its socket is cut. */
const CLOSE_GRACE_MS = 500;
/** Clients of one key that come back with new rights come one after the other. */
const COME_BACK_WITHIN_MS = 1_000;

/** What to hand to `register` for a client: within a second of the verdict it is gone, whether it listens or not. */
export function endOf(client: Pick<LiveClient, 'leave' | 'close' | 'terminate'>): CloseLive {
  return verdict => {
    if (verdict.reconnect) client.leave(Math.round(Math.random() * COME_BACK_WITHIN_MS));
    client.close(verdict);
    setTimeout(() => client.terminate(), CLOSE_GRACE_MS).unref();
  };
}

interface Live {
  key: ApiKey;
  readonly isCounted: boolean;
  readonly close: CloseLive;
}

/** Node's longest timer, some 25 days. */
const MAX_TIMER_MS = 2_147_483_647;

export function createLiveKeys(
  deps: { now?: () => number; onRegister?: (keyId: number) => void; hold?: HoldSession },
  options: { maxConnections: number },
): LiveKeys {
  const now = deps.now ?? Date.now;
  const byKey = new Map<HolderId, Set<Live>>();
  const counts = new Map<HolderId, number>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  const count = (id: HolderId) => counts.get(id) ?? 0;
  const maxConnections = (key: ApiKey) => key.maxConnections ?? options.maxConnections;

  function add(key: ApiKey, isCounted: boolean, close: CloseLive): () => void {
    const live: Live = { key, isCounted, close };
    byKey.set(key.id, (byKey.get(key.id) ?? new Set()).add(live));
    if (isCounted) counts.set(key.id, count(key.id) + 1);
    wakeFor(key);
    if (typeof key.id === 'number') {
      if (isCounted) deps.onRegister?.(key.id);
      return () => remove(live);
    }
    // Of a session nobody asks `review`: whoever keeps the sessions says when it is over.
    const letGo = key.session && deps.hold?.(key.session, () => end(live, KEY_ENDED));
    return () => {
      letGo?.();
      remove(live);
    };
  }

  function remove(live: Live): void {
    const { id } = live.key;
    const ofKey = byKey.get(id);
    if (!ofKey?.delete(live)) return;
    if (live.isCounted) counts.set(id, count(id) - 1);
    if (ofKey.size > 0) return;
    byKey.delete(id);
    counts.delete(id);
  }

  function end(live: Live, verdict: CloseVerdict): void {
    remove(live);
    live.close(verdict);
  }

  function wakeFor({ expiresAt }: ApiKey): void {
    if (!expiresAt || expiresAt.getTime() >= timerAt) return;
    clearTimeout(timer);
    timerAt = expiresAt.getTime();
    // Never at once: `register` must have returned before its connection ends.
    timer = setTimeout(endExpired, Math.min(MAX_TIMER_MS, Math.max(1, timerAt - now()))).unref();
  }

  function endExpired(): void {
    timerAt = Number.POSITIVE_INFINITY;
    const at = now();
    for (const live of [...byKey.values()].flatMap(ofKey => [...ofKey])) {
      if (hasExpired(live.key, at)) end(live, KEY_ENDED);
      else wakeFor(live.key);
    }
  }

  return {
    register: (key, close) => (count(key.id) >= maxConnections(key) ? null : add(key, true, close)),
    watch: (key, close) => add(key, false, close),
    count,
    refusal: key =>
      problem(
        'too_many_key_connections',
        `this key has its ${maxConnections(key)} live connections already: close one first`,
      ),
    keyIds: () => [...byKey.keys()].filter(id => typeof id === 'number'),
    review(keyId, current) {
      const lives = [...(byKey.get(keyId) ?? [])];
      if (!current.ok) {
        for (const live of lives) end(live, KEY_ENDED);
        return;
      }
      // Most connections of a key were opened with the same answer about it: it is compared once for all of them.
      const changed = new Set(
        [...new Set(lives.map(live => live.key))].filter(key => !hasSameRights(key, current.key)),
      );
      for (const live of lives) {
        if (changed.has(live.key)) end(live, KEY_CHANGED);
        else live.key = current.key;
      }
      wakeFor(current.key);
    },
    stop: () => clearTimeout(timer),
  };
}

/** The end of a key and its limits may move under a connection; what it may see and from where is settled when it begins. */
function hasSameRights(before: ApiKey, after: ApiKey): boolean {
  const rights = ({ permissions, dns, addresses }: ApiKey) =>
    JSON.stringify([permissions, dns, addresses].map(list => list && [...list].sort()));
  return rights(before) === rights(after);
}
