import { componentSample, RECONNECTABLE } from '@3cx-relay/shared/jobs/component-state.ts';
import { readLease } from '@3cx-relay/shared/log/ingest-lease.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { lagSeconds, readPersistLag } from '@3cx-relay/shared/log/persist-lag.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { pingServerOf } from '@3cx-relay/shared/runtime/redis-server.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import type { StatusReporter } from '@3cx-relay/shared/runtime/status-reporter.ts';
import { z } from 'zod';
import type { Hub } from './live/hub.ts';
import type { Tail } from './live/tail.ts';
import { shareAnswer } from './share-answer.ts';
import { createStateAges } from './state-ages.ts';

export interface ComponentHealth {
  /** `absent`: not configured, and nothing is wrong with that. */
  readonly state: 'up' | 'degraded' | 'down' | 'absent';
  readonly latencyMs?: number;
  readonly error?: string | null;
  /** ISO 8601: since when it is in this state, and when that was looked at. */
  readonly since?: string;
  readonly checkedAt?: string;
  readonly [detail: string]: unknown;
}

export interface HealthReport {
  /** `down`: no event reaches a client. `degraded`: history is served, but something upstream is missing. */
  readonly status: 'ok' | 'degraded' | 'down';
  readonly version: string;
  /** `pbx` is what ingest's own state says; the connections in it are told one by one once they were looked at. */
  readonly components: Readonly<Record<'redis' | 'log' | 'postgres' | 'persist' | 'ingest' | 'pbx', ComponentHealth>> &
    Readonly<Partial<Record<Sampled, ComponentHealth>>>;
  readonly clients: number;
}

/** What ingest alone can look at; Redis and PostgreSQL the relay asks itself, because it is cut off from them by itself. */
const SAMPLED = [...RECONNECTABLE, 'event_loop'] as const;

type Sampled = (typeof SAMPLED)[number];

export interface HealthDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  /** Of the relay itself: whether Redis, which answers reads, takes a write. */
  readonly status: Pick<StatusReporter, 'refusal'>;
  readonly tail: Tail;
  readonly hub: Hub;
  readonly version: string;
  /** Rejects when PostgreSQL does not answer. */
  readonly pingPostgres: () => Promise<unknown>;
  /** Monotonic ms. */
  readonly now?: () => number;
}

const BEHIND_FROM_S = 60;
const REPORT_VALID_MS = 500;
const PING_DEADLINE_MS = 1_500;
/** Ms of a process' silence, which otherwise speaks each second, that are explained by a refused write. */
const REFUSED_AFTER_MS = 1_500;
/** What PTTL answers for a key that is not there. */
const NO_KEY = -2;
const INGEST_SILENT = 'ingest says nothing: is it running?';
/** Every five seconds ingest writes how its connections are. It waits 15 s for the schedule before it does so by itself. */
const BEAT_MISSED_MS = 25_000;
/** As often as ingest looks at its connections: a state is to have its age also when nobody asked for it. */
const LOOK_EVERY_MS = 5_000;

const ingestStatus = z.looseObject({
  state: z.enum(['connected', 'connecting', 'down']),
  socketSince: z.string().nullable().optional(),
  lastFrameAt: z.unknown().optional(),
  error: z.string().nullable().optional(),
  logError: z.string().nullable().default(null),
  components: z.array(z.unknown()).default([]),
});

const standbyStatus = z.looseObject({ host: z.string() });

export interface HealthWatch {
  /** Anybody may ask, so that asking often costs nothing. */
  readonly report: () => Promise<HealthReport>;
  stop(): void;
}

export function watchHealth(deps: HealthDeps): HealthWatch {
  const seen = { ages: createStateAges(Date.now), ingest: createUpTime(deps.now ?? (() => performance.now())) };
  const report = shareAnswer(() => readHealth(deps, seen), REPORT_VALID_MS);
  const look = () => void report().catch(() => undefined);
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return { report, stop: () => clearInterval(timer) };
}

type Seen = { readonly ages: ReturnType<typeof createStateAges>; readonly ingest: ReturnType<typeof createUpTime> };

async function readHealth(deps: HealthDeps, seen: Seen): Promise<HealthReport> {
  const [redis, postgres, persist, ingest] = await Promise.all([
    readRedis(deps),
    check(deps.pingPostgres),
    readPersister(deps),
    readIngest(deps),
  ]);
  const log = judgeLog(deps.tail, seen.ingest.upForMs(ingest.ingest.state === 'up'));
  const components = seen.ages.date({ redis, log, postgres, persist, ...ingest });
  const isDown = redis.state === 'down' || log.state === 'down';
  // One that is late at times misses nothing.
  const needed = Object.entries(components).filter(([name]) => name !== 'event_loop');
  const isWhole = needed.every(([, { state }]) => state === 'up' || state === 'absent');
  return {
    status: isDown ? 'down' : isWhole ? 'ok' : 'degraded',
    version: deps.version,
    components,
    clients: deps.hub.size,
  };
}

/**
 * The tail is answered at least once for each of its waits. What says more is that something comes: while ingest finds
 * itself well, its looks at its connections come on the way of every event.
 */
function judgeLog(tail: Tail, ingestUpForMs: number): ComponentHealth {
  const silentForMs = Math.round(tail.silentForMs());
  const beatAgeMs = Math.round(tail.beatAgeMs());
  const ages = { silentForMs, beatAgeMs };
  if (silentForMs >= SILENT_AFTER_MS) {
    return { state: 'down', ...ages, error: 'the log has not answered for some time' };
  }
  if (Math.min(beatAgeMs, ingestUpForMs) < BEAT_MISSED_MS) return { state: 'up', ...ages };
  const error = `nothing of ingest has come through the log for ${Math.round(beatAgeMs / 1_000)} s, and some is due every 5 s: look at its journal, and restart it`;
  return { state: 'degraded', ...ages, error };
}

/** For how long something has been well without a break. */
function createUpTime(now: () => number) {
  let since: number | null = null;
  return {
    upForMs(isUp: boolean): number {
      since = isUp ? (since ?? now()) : null;
      return since === null ? 0 : now() - since;
    },
  };
}

/** `degraded` while it refuses writes: clients are served what it holds, and nothing new comes. */
async function readRedis({ redis, keys, status }: HealthDeps): Promise<ComponentHealth> {
  const health = await check(() => pingServerOf(redis, keys.meta('calls')));
  return health.state === 'up' && status.refusal !== null
    ? { ...health, state: 'degraded', error: status.refusal }
    : health;
}

/**
 * Why nothing is known of the process that speaks in this key; null while its word counts. Where the relay itself is
 * refused, what the others would say is most likely refused, too: one word that stays away is enough, and to look for
 * the process would lead astray.
 */
async function silenceOf({ redis, status }: HealthDeps, key: string, sentence: string): Promise<string | null> {
  const leftMs = await redis.pttl(key);
  if (status.refusal === null) return leftMs === NO_KEY ? sentence : null;
  const isSilent = leftMs === NO_KEY || (leftMs >= 0 && leftMs < SILENT_AFTER_MS - REFUSED_AFTER_MS);
  return isSilent ? `nothing is known of it: ${status.refusal}` : null;
}

async function check(ask: () => Promise<unknown>): Promise<ComponentHealth> {
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PING_DEADLINE_MS} ms`)), PING_DEADLINE_MS);
    });
    await Promise.race([ask(), deadline]);
    return { state: 'up', latencyMs: Math.round((performance.now() - startedAt) * 10) / 10, error: null };
  } catch (error) {
    return { state: 'down', error: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The worker says every second that it runs, in a key that expires, and copies as often: what waits for longer says
 * that it, or PostgreSQL, does not.
 */
async function readPersister(deps: HealthDeps): Promise<ComponentHealth> {
  try {
    const [lags, silence] = await Promise.all([
      readPersistLag(deps.redis, deps.keys),
      silenceOf(deps, deps.keys.workerStatus, 'the worker says nothing: is it running?'),
    ]);
    const now = Date.now();
    const lag = Object.fromEntries(
      [...lags].map(([channel, each]) => [
        channel,
        { entries: each.entries, seconds: Math.round(lagSeconds(each, now) * 10) / 10 },
      ]),
    );
    if (silence !== null) return { state: 'down', error: silence, lag };
    const behind = Object.entries(lag).filter(([, { seconds }]) => seconds > BEHIND_FROM_S);
    if (behind.length === 0) return { state: 'up', error: null, lag };
    const channels = behind.map(([channel]) => channel).join(', ');
    const error = `PostgreSQL is behind the log of ${channels}: does PostgreSQL answer?`;
    return { state: 'degraded', error, lag };
  } catch {
    return { state: 'down', error: 'nothing is known of it while Redis does not answer' };
  }
}

/** Ingest says every second how it is, in a key that expires: no word means that it is not running. */
async function readIngest(deps: HealthDeps): Promise<Pick<HealthReport['components'], 'ingest' | 'pbx' | Sampled>> {
  try {
    const { redis, keys } = deps;
    const [text, silence, lease, standby] = await Promise.all([
      redis.get(keys.ingestStatus),
      silenceOf(deps, keys.ingestStatus, INGEST_SILENT),
      readLease(deps),
      redis.get(keys.ingestStandby).then(hostOf),
    ]);
    if (text === null || silence !== null) {
      const error = silence ?? INGEST_SILENT;
      return { ingest: { state: 'down', error, ...(standby && { standby }) }, pbx: { state: 'down', error } };
    }
    const status = ingestStatus.parse(JSON.parse(text));
    // Where a database is found is for those who are signed in (GET /admin/about), the plan of numbers for the shell.
    const { state, error, logError, components, database: _, missingExtensions: __, ...details } = status;
    return {
      ingest: {
        ...{ state: logError === null ? 'up' : 'degraded', error: logError },
        ...(lease && { host: lease.host }),
        ...(lease && logError === null && { since: lease.since }),
        ...(standby && { standby }),
      },
      pbx: {
        ...details,
        state: state === 'connected' ? 'up' : state === 'down' ? 'down' : 'degraded',
        error: error ?? null,
        ...(state === 'connected' && status.socketSince && { since: status.socketSince }),
      },
      ...connectionsOf(components),
    };
  } catch {
    const unreadable = { state: 'down', error: 'nothing is known of it while Redis does not answer' } as const;
    return { ingest: unreadable, pbx: unreadable };
  }
}

/** Of an ingest that stands by; null where none does. */
function hostOf(said: string | null): string | null {
  if (said === null) return null;
  const { data } = standbyStatus.safeParse(JSON.parse(said));
  return data?.host ?? null;
}

/** What this version does not know is left out: the other side may be newer. */
function connectionsOf(components: readonly unknown[]): Partial<Record<Sampled, ComponentHealth>> {
  const connections: Partial<Record<Sampled, ComponentHealth>> = {};
  for (const each of components) {
    const { data: sample } = componentSample.safeParse(each);
    const name = SAMPLED.find(known => known === sample?.component);
    if (!sample || !name) continue;
    const { state, latencyMs, error, since, checkedAt } = sample;
    connections[name] = { state, ...(latencyMs === null ? {} : { latencyMs }), error, since, checkedAt };
  }
  return connections;
}
