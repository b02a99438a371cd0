import { randomUUID } from 'node:crypto';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import {
  deleteAdminSession,
  deleteAdminSessionsOf,
  insertAdminSession,
  listenToAdminSessions,
  type StoredAdminSession,
  selectAdminSessionsById,
  touchAdminSessions,
  trimAdminSessions,
} from '@3cx-relay/shared/store/admin-sessions.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { AdminRole } from '@3cx-relay/shared/wire/admin/session.ts';
import { type RowWatch, watchRows } from '../../changes/row-watch.ts';
import { createHeldSessions } from './held-sessions.ts';
import { createKnownSessions } from './known-sessions.ts';

/**
 * The sessions of people who are signed in. PostgreSQL has them; this remembers those in use, is told of every change
 * (`watchRows`), and goes on with what it knows while PostgreSQL is away.
 */
export interface AdminSessions {
  /** Null when the user was deactivated, or his password changed, meanwhile. */
  begin(user: SignedInUser, from: SessionOrigin): Promise<StoredAdminSession | null>;
  /** Null when it has ended; otherwise this is a use of it. @throws when PostgreSQL is away and it is not known */
  find(id: string): Promise<StoredAdminSession | null>;
  /** Whether it would still go on if it had been used. */
  hasRested(session: { id: string; userId: number }): Promise<boolean>;
  /** Sessions that were not used since then have ended. */
  seenAfter(): Date;
  /** False when this user has no such session. */
  end(session: { id: string; userId: number }): Promise<boolean>;
  /** All of a user but `keep`; returns the ids of those that ended. */
  endAll(userId: number, keep?: string): Promise<string[]>;
  /** Something of this user was written: his next request sees it, although the news of it is still on its way. */
  userChanged(userId: number): void;
  /** Calls `onEnd` within a second of the session's end; returns the function that lets go. */
  hold(session: StoredAdminSession, onEnd: () => void): () => void;
  stop(): Promise<void>;
}

export interface SignedInUser {
  readonly id: number;
  /** The hash that the password was compared with. */
  readonly passwordHash: string;
}

export interface SessionOrigin {
  readonly address: string | null;
  readonly userAgent: string | null;
}

export interface SessionsOptions {
  readonly databaseUrl: string;
  readonly lifeMs: number;
  /** A session that was not used for so long has ended; 0: none ends by that. */
  readonly idleMs: number;
  /** How often it is written down when sessions were last seen. */
  readonly seenEveryMs?: number;
  readonly sweepMs: number;
  readonly maxPerUser: number;
  /** The roles of which a second factor is required. */
  readonly secondFactorOf: readonly AdminRole[];
}

const KNOWN = { freshMs: 30_000, maxSessions: 10_000 };
/** How long somebody who is signed in waits for PostgreSQL before what was known of him will do. */
const STALE_AFTER_MS = 500;
const LAST_SEEN_EVERY_MS = 15_000;
/** Who comes back after so long is made known to the other instances at once: to them he would soon look idle. */
const LONG_UNSEEN_MS = 60_000;
const MAX_USER_AGENT_LENGTH = 256;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** When a session was last seen here. What is written stays for a while: a row may have been read just before. */
interface Seen {
  readonly at: Date;
  isWritten: boolean;
}

export function createAdminSessions(
  deps: { pool: PostgresPool['pool']; logger: Logger; now: () => number },
  options: SessionsOptions,
): AdminSessions {
  const { pool, logger, now } = deps;
  const known = createKnownSessions(KNOWN, now);
  const held = createHeldSessions({ onHold: id => watch.check(id) }, { now });
  const lookups = new Map<string, Promise<StoredAdminSession | null>>();
  const lastSeen = new Map<string, Seen>();
  let writing: Promise<void> = Promise.resolve();
  let changes = 0;

  function forget(id: string): void {
    changes += 1;
    lookups.clear();
    known.forget(id);
  }

  /** `isCurrent`: nothing was changed since it was read. */
  function review(id: string, session: StoredAdminSession | null, isCurrent = true): void {
    if (session === null) known.forget(id);
    else if (isCurrent) known.learn(session);
    held.review(id, session);
  }

  function drop(id: string): void {
    forget(id);
    held.review(id, null);
  }

  const watch: RowWatch<string> = watchRows(
    {
      what: 'admin sessions',
      listen: listenToAdminSessions,
      parseId: payload => (UUID.test(payload) ? payload : null),
      forget,
      idsInUse: () => [...known.ids(), ...held.ids()],
      async review(client, ids) {
        const changesBefore = changes;
        const sessions = new Map(
          (await selectAdminSessionsById(client, ids, options)).map(session => [session.id, session]),
        );
        // What changed meanwhile is read again soon; until then nobody remembers what was read before.
        const isCurrent = changes === changesBefore;
        for (const id of ids) review(id, sessions.get(id) ?? null, isCurrent);
      },
    },
    options,
    logger,
  );

  function lookUpOnce(id: string): Promise<StoredAdminSession | null> {
    const running = lookups.get(id);
    if (running) return running;
    const changesBefore = changes;
    const lookup = selectAdminSessionsById(pool, [id], options)
      .then(([session = null]) => {
        // A row that was read just before it was deleted must not come back as one that is there.
        if (changes === changesBefore) review(id, session);
        return session;
      })
      .finally(() => {
        if (lookups.get(id) === lookup) lookups.delete(id);
      });
    lookups.set(id, lookup);
    return lookup;
  }

  /** A server that refuses fails at once, one that froze says nothing for seconds: both give the stale answer. */
  async function lookUpOr(stale: StoredAdminSession): Promise<StoredAdminSession | null> {
    const { promise: tooSlow, resolve } = Promise.withResolvers<StoredAdminSession>();
    const timer = setTimeout(resolve, STALE_AFTER_MS, stale);
    const lookup = lookUpOnce(stale.id).catch((error: unknown) => {
      if (isPostgresAway(error)) return stale;
      throw error;
    });
    try {
      return await Promise.race([lookup, tooSlow]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** One after the other: PostgreSQL may be frozen. */
  function writeLastSeen(): Promise<void> {
    writing = writing.then(writeUnwritten);
    return writing;
  }

  async function writeUnwritten(): Promise<void> {
    const seen = new Map([...lastSeen].filter(([, { isWritten }]) => !isWritten));
    if (seen.size === 0) return;
    try {
      await touchAdminSessions(pool, new Map([...seen].map(([id, { at }]) => [id, at])));
      for (const each of seen.values()) each.isWritten = true;
    } catch (error) {
      // When somebody was last seen is not worth holding up anybody. It stays to be written, so that nobody looks idle
      // because PostgreSQL was away.
      logger.debug({ err: error }, 'when sessions were last seen was not written');
    }
  }
  const timer = setInterval(() => {
    for (const [id, { isWritten }] of lastSeen) if (isWritten) lastSeen.delete(id);
    // What hangs on a session uses it: a panel that is open and shows live data asks for nothing else.
    for (const id of held.ids()) seeNow(id);
    void writeLastSeen();
  }, options.seenEveryMs ?? LAST_SEEN_EVERY_MS).unref();

  const seeNow = (id: string) => void lastSeen.set(id, { at: new Date(now()), isWritten: false });
  const lastSeenOf = ({ id, lastSeenAt }: StoredAdminSession) =>
    Math.max(lastSeenAt.getTime(), lastSeen.get(id)?.at.getTime() ?? 0);
  const restsTooLong = (session: StoredAdminSession) =>
    options.idleMs > 0 && now() - lastSeenOf(session) >= options.idleMs;
  // Its end is a matter of the clock, not of the store.
  const hasExpired = ({ expiresAt }: StoredAdminSession) => expiresAt.getTime() <= now();

  function see(session: StoredAdminSession): void {
    const unseenMs = now() - lastSeenOf(session);
    seeNow(session.id);
    if (options.idleMs > 0 && unseenMs > Math.min(LONG_UNSEEN_MS, options.idleMs / 2)) void writeLastSeen();
  }

  return {
    async begin(user, from) {
      const id = randomUUID();
      const createdAt = new Date(now());
      const begun = await insertAdminSession(pool, {
        ...{ id, userId: user.id, passwordHash: user.passwordHash, createdAt, address: from.address },
        expiresAt: new Date(now() + options.lifeMs),
        userAgent: from.userAgent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
      });
      if (!begun) return null;
      const trim = { userId: user.id, maxSessions: options.maxPerUser, now: createdAt };
      for (const ended of await trimAdminSessions(pool, trim)) drop(ended);
      return lookUpOnce(id);
    },
    async find(id) {
      const cached = known.get(id);
      let session = cached?.isFresh ? cached.session : await (cached ? lookUpOr(cached.session) : lookUpOnce(id));
      // It may have been used at another instance.
      if (session && cached && restsTooLong(session)) session = await lookUpOnce(id);
      if (!session || hasExpired(session) || restsTooLong(session)) return null;
      see(session);
      return session;
    },
    async hasRested({ id, userId }) {
      const session = await lookUpOnce(id);
      return session?.user.id === userId && !hasExpired(session) && restsTooLong(session);
    },
    seenAfter: () => new Date(options.idleMs > 0 ? now() - options.idleMs : 0),
    async end(session) {
      const ended = await deleteAdminSession(pool, session);
      if (!ended) return false;
      drop(session.id);
      return true;
    },
    async endAll(userId, keep) {
      const ended = await deleteAdminSessionsOf(pool, userId, keep ?? null);
      for (const id of ended) drop(id);
      return ended;
    },
    userChanged(userId) {
      for (const id of [...known.ids()]) if (known.get(id)?.session.user.id === userId) forget(id);
    },
    hold: held.hold,
    async stop() {
      clearInterval(timer);
      held.stop();
      await watch.stop();
      await writeLastSeen();
    },
  };
}
