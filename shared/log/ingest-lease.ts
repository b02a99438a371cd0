import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { LogKeys } from './keys.ts';
import { withScript } from './with-script.ts';

/**
 * One PBX has one ingest that writes: two would write every event twice. Who it is stands in Redis, where both look; what
 * they do about it is services/ingest/lease.
 */
export interface LeaseHolder {
  readonly host: string;
  readonly pid: number;
  /** ISO 8601, by the clock of its host. */
  readonly since: string;
  readonly renewedAt: string;
  /** How long the lease is good after it was renewed. */
  readonly leaseMs: number;
}

export interface StoredLease extends LeaseHolder {
  readonly owner: string;
  /** Given back by a clean stop. */
  readonly isReleased: boolean;
}

export interface LeaseQuestion {
  /** `first`: of this process; `holder`: it has the lease, as far as it knows. */
  readonly mode: 'first' | 'holder' | 'standby';
  /** This process' time with the lease; no other append than that of the run that has it is taken (append.lua). */
  readonly run: string;
  /** The spool folder, which outlives a process: its next one goes on without waiting. */
  readonly owner: string;
  /** The term that the spool folder knows; null when it knows none. */
  readonly term: string | null;
  /** For the case that another owner was in between. */
  readonly newTerm: string;
  /** What was seen standing still for as long as a lease is good; null while nothing was. */
  readonly stoodStill: string | null;
  readonly leaseMs: number;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
  /** Another one each time this run asks: by it others see that the holder lives. */
  readonly beat: number;
}

export type LeaseAnswer =
  /** `term` stays the same for as long as no other owner was in between. `before`: the host of one that was. */
  | { readonly isGranted: true; readonly term: string; readonly before: string | null }
  /** `stands`: changes with each renewal. `holder` is null where Redis has lost the lease. */
  | {
      readonly isGranted: false;
      readonly stands: string;
      readonly holder: LeaseHolder | null;
      /** It has the same owner: the spool folder was copied, or two hosts share it. */
      readonly isSameOwner: boolean;
    };

const LEASE = { numberOfKeys: 1, lua: readFileSync(new URL('./lease.lua', import.meta.url), 'utf8') };
const RELEASE = { numberOfKeys: 1, lua: readFileSync(new URL('./lease-release.lua', import.meta.url), 'utf8') };

interface AskingRedis {
  askForLease(...args: (string | number)[]): Promise<(string | number)[]>;
}

interface ReleasingRedis {
  releaseLease(key: string, run: string): Promise<number>;
}

type Place = { readonly redis: Redis; readonly keys: Pick<LogKeys, 'ingestLease'> };

export async function askForLease({ redis, keys }: Place, question: LeaseQuestion): Promise<LeaseAnswer> {
  const { mode, run, owner, term, newTerm, stoodStill, leaseMs, host, pid, since, beat } = question;
  const scripted = withScript<AskingRedis>(redis, 'askForLease', LEASE);
  const [isGranted, ...told] = await scripted.askForLease(
    ...[keys.ingestLease, mode, run, owner, term ?? '', newTerm, stoodStill ?? ''],
    ...[leaseMs, host, pid, since, new Date().toISOString(), beat],
  );
  if (isGranted === 1) {
    const [granted = '', before] = told.map(String);
    return { isGranted: true, term: granted, before: before || null };
  }
  const [stands = '', ms, holderHost, holderPid, holderSince, renewedAt, holderOwner] = told.map(String);
  const holder = toHolder({ ms, host: holderHost, pid: holderPid, since: holderSince, renewedAt });
  return { isGranted: false, stands, holder, isSameOwner: holderOwner === owner };
}

/** False when it is another's by now. */
export async function releaseLease({ redis, keys }: Place, run: string): Promise<boolean> {
  return (await withScript<ReleasingRedis>(redis, 'releaseLease', RELEASE).releaseLease(keys.ingestLease, run)) === 1;
}

/** For who only wants to know; null: no ingest has had it, or Redis has lost it. */
export async function readLease({ redis, keys }: Place): Promise<StoredLease | null> {
  const stored = await redis.hgetall(keys.ingestLease);
  const holder = toHolder(stored);
  return holder && { ...holder, owner: stored.owner ?? '', isReleased: stored.released === '1' };
}

function toHolder(fields: Readonly<Record<string, string | undefined>>): LeaseHolder | null {
  const { host, pid, since, renewedAt, ms } = fields;
  if (!host || !since || !renewedAt) return null;
  return { host, pid: Number(pid), since, renewedAt, leaseMs: Number(ms) };
}
