import { createHash } from 'node:crypto';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { RelayConfig } from '../../config.ts';
import { networkOf } from '../../keys/failed-keys.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { clearGrowingLock, createGrowingLock, type GrowingLockLimits } from './growing-lock.ts';

/**
 * How often somebody may guess. Failures count for the network they come from, for a user from this network, and for a
 * user from anywhere:
 *
 * - from one network against one user: few, then that network is locked out of that user, longer each time;
 * - from one network against whomever: more, then the network is locked out;
 * - against one user from anywhere: many more, then the user is locked, except from the networks he signed in from in
 *   the last months. So a stranger who guesses on purpose, from however many addresses, locks out no admin who is where
 *   he always is, and another admin or a shell lifts the rest (`unlock`).
 *
 * What is lifted for a user is also the lock of the networks that he is known from or locked out of: whoever sits beside
 * him and guesses at other names locks him out, too. The network of whoever never signed in there is named in a shell.
 *
 * Without Redis nobody signs in, because nobody would count; who is signed in goes on.
 */
export interface SignInLimits {
  /** 0, or for how many ms this attempt is refused. @throws ProblemError `unavailable` without Redis */
  attempt(who: Attempt): Promise<number>;
  /** The attempt was no failure; `isComplete`: the user is signed in, from a network that is known from now on. */
  succeeded(who: Attempt, isComplete: boolean): Promise<void>;
  /** Until when somebody is locked out of each of these users, or he where he always is; null: nobody is. */
  lockedUntil(usernames: readonly string[]): Promise<(Date | null)[]>;
  unlock(username: string): Promise<void>;
}

export interface Attempt {
  readonly username: string;
  readonly address: string | null;
}

export interface SignInLimitsOptions {
  readonly perAddress: number;
  readonly perUserAndAddress: number;
  readonly perUser: number;
  readonly windowMs: number;
  readonly lockMs: number;
  readonly maxLockMs: number;
}

/** As the settings of the relay say, and a command that shares its locks. */
export function toSignInLimits(
  config: Pick<
    RelayConfig,
    | 'ADMIN_FAILED_SIGN_INS_PER_ADDRESS'
    | 'ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS'
    | 'ADMIN_FAILED_SIGN_INS_PER_USER'
    | 'ADMIN_FAILED_SIGN_INS_WINDOW_MS'
    | 'ADMIN_LOCKOUT_MS'
    | 'ADMIN_MAX_LOCKOUT_MS'
  >,
): SignInLimitsOptions {
  return {
    perAddress: config.ADMIN_FAILED_SIGN_INS_PER_ADDRESS,
    perUserAndAddress: config.ADMIN_FAILED_SIGN_INS_PER_USER_AND_ADDRESS,
    perUser: config.ADMIN_FAILED_SIGN_INS_PER_USER,
    windowMs: config.ADMIN_FAILED_SIGN_INS_WINDOW_MS,
    lockMs: config.ADMIN_LOCKOUT_MS,
    maxLockMs: config.ADMIN_MAX_LOCKOUT_MS,
  };
}

const NETWORK_KNOWN_MS = 90 * 86_400_000;
const ANYWHERE = 'anywhere';
/** Of one user, so that no number of networks fills Redis. */
const MAX_LOCKS_LISTED = 1_000;

export function createSignInLimits(deps: { redis: Redis; keys: LogKeys }, options: SignInLimitsOptions): SignInLimits {
  const { redis, keys } = deps;
  const limits = (failures: number): GrowingLockLimits => ({ ...options, failures });
  const byAddress = createGrowingLock({ redis, keyPrefix: prefixOf(keys, 'address') }, limits(options.perAddress));
  const byUserAndAddress = createGrowingLock(
    { redis, keyPrefix: prefixOf(keys, 'user-address'), onLock: listLock },
    limits(options.perUserAndAddress),
  );
  const byUser = createGrowingLock(
    { redis, keyPrefix: prefixOf(keys, 'user'), onLock: (user, forMs) => listLock(`${user} ${ANYWHERE}`, forMs) },
    limits(options.perUser),
  );

  /** So that a lock can be seen and lifted by who knows only the user. */
  async function listLock(name: string, forMs: number): Promise<void> {
    const [user = '', where = ''] = name.split(' ');
    const list = keys.signInLocks(user);
    await redis
      .multi()
      .zadd(list, Date.now() + forMs, where)
      .zremrangebyrank(list, 0, -MAX_LOCKS_LISTED - 1)
      .pexpire(list, options.maxLockMs)
      .exec();
  }

  async function isKnown(user: string, network: string): Promise<boolean> {
    return (await redis.sismember(keys.signInNetworks(user), network)) === 1;
  }

  async function lockedFor(who: Attempt): Promise<number> {
    const [user, network] = [digestOf(who.username), networkIn(who)];
    const lockedMs = (await byAddress.attempt(network)) || (await byUserAndAddress.attempt(`${user} ${network}`));
    return lockedMs > 0 || (await isKnown(user, network)) ? lockedMs : byUser.attempt(user);
  }

  /** Unix ms; 0 when there is none. */
  async function lockOfUserEnds(username: string): Promise<number> {
    const [, until] = await redis.zrange(keys.signInLocks(digestOf(username)), '0', '0', 'REV', 'WITHSCORES');
    return Number(until ?? 0);
  }

  async function lockOfNetworksEnds(username: string): Promise<number> {
    const known = await redis.smembers(keys.signInNetworks(digestOf(username)));
    const locked = await Promise.all(known.map(network => byAddress.lockedFor(network)));
    return Math.max(0, ...locked.map(forMs => (forMs > 0 ? Date.now() + forMs : 0)));
  }

  return {
    async attempt(who) {
      try {
        return await lockedFor(who);
      } catch (error) {
        const detail = 'failed sign-ins cannot be counted because Redis does not answer: try again';
        throw Object.assign(new ProblemError('unavailable', detail), { cause: error });
      }
    },
    async succeeded(who, isComplete) {
      const [user, network] = [digestOf(who.username), networkIn(who)];
      const countsForUser = !(await isKnown(user, network));
      await Promise.all([
        byAddress.giveBack(network),
        isComplete ? byUserAndAddress.clear(`${user} ${network}`) : byUserAndAddress.giveBack(`${user} ${network}`),
        countsForUser ? byUser.giveBack(user) : undefined,
      ]);
      if (!isComplete) return;
      const known = keys.signInNetworks(user);
      await redis.multi().sadd(known, network).pexpire(known, NETWORK_KNOWN_MS).exec();
    },
    async lockedUntil(usernames) {
      const now = Date.now();
      const ends = usernames.map(async name => Math.max(await lockOfUserEnds(name), await lockOfNetworksEnds(name)));
      return (await Promise.all(ends)).map(end => (end > now ? new Date(end) : null));
    },
    unlock: username => liftLocks(deps, username),
  };
}

/** Judges what somebody gave. What could not be judged, because a store is away or too much is asked at once, is no failure. */
export async function judge<Verdict>(
  limits: SignInLimits,
  who: Attempt,
  work: () => Promise<Verdict>,
): Promise<Verdict> {
  try {
    return await work();
  } catch (error) {
    await limits.succeeded(who, false).catch(() => undefined);
    throw error;
  }
}

/** Whoever is locked out of this user may try again, and the next lock is as short as the first. */
export async function liftLocks({ redis, keys }: { redis: Redis; keys: LogKeys }, username: string): Promise<void> {
  const user = digestOf(username);
  const list = keys.signInLocks(user);
  const [locked, known] = await Promise.all([redis.zrange(list, '0', '-1'), redis.smembers(keys.signInNetworks(user))]);
  const networks = new Set([...known, ...locked.filter(place => place !== ANYWHERE)]);
  await clearGrowingLock(redis, prefixOf(keys, 'user'), user);
  for (const network of networks) {
    await clearGrowingLock(redis, prefixOf(keys, 'user-address'), `${user} ${network}`);
    await clearGrowingLock(redis, prefixOf(keys, 'address'), network);
  }
  await redis.del(list);
}

/** Whoever is locked out of everybody at this address, or at its network, may try again. */
export function liftAddressLock({ redis, keys }: { redis: Redis; keys: LogKeys }, address: string): Promise<void> {
  return clearGrowingLock(redis, prefixOf(keys, 'address'), networkOf(address));
}

function prefixOf(keys: LogKeys, of: 'address' | 'user' | 'user-address'): string {
  return `${keys.signIns}:${of}`;
}

function networkIn({ address }: Attempt): string {
  return networkOf(address ?? 'unknown');
}

/** Names are as long as strangers like, and sometimes a password that was typed into the wrong field. */
function digestOf(username: string): string {
  return createHash('sha256').update(username.toLowerCase()).digest('base64url').slice(0, 22);
}
