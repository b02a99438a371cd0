import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { readPersisted } from '@3cx-relay/shared/log/persisted.ts';
import { shedLog } from '@3cx-relay/shared/log/shed.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { type LogSize, measureLog, persistedBytes, totalBytes } from './log-sizes.ts';
import { levelAt, newsOf, type PressureLevel } from './pressure-level.ts';
import { type TrimDeps, type TrimLimits, trimChannels, trimTo } from './trim.ts';

/**
 * Keeps the log within its budget, and says in time that it will not succeed.
 *
 * What is persisted goes first. What is not persisted stays, whatever its age, until it alone fills the budget: then
 * Redis, and with it all of the product, would soon stand still, so the oldest entries of the least valuable channel are
 * given up, only as many as needed. Nothing of that may wait for PostgreSQL, whose absence is the usual cause: up to where
 * a channel is persisted then stands in Redis. Each loss is told at once, and again as a gap in front of whoever reads
 * there; the persister records it in log_gaps when it gets to it.
 */
export interface LogKeeper {
  /** @throws when PostgreSQL is away, after everything that can be done without it */
  run(signal: AbortSignal): Promise<void>;
}

export interface LogKeeperDeps extends TrimDeps {
  readonly errors?: ErrorSink;
}

/** The least valuable first. */
const SHED_ORDER: readonly Channel[] = ['requests', 'health', 'errors', 'audit', 'calls'];
/** Below this share of the budget a trim a minute does: what an hour's traffic adds is far from the rest. */
const BUSY_FROM = 0.6;
const CALM_EVERY_MS = 60_000;
/** A server that froze must not keep the log from being kept. */
const POSITIONS_WITHIN_MS = 2_000;
/** Redis frees a stream by nodes of about a hundred entries. */
const NODE_ENTRIES = 100;
const PASSES = 5;

type Positions = ReadonlyMap<Channel, LogPosition>;

export function createLogKeeper(deps: LogKeeperDeps, limits: TrimLimits): LogKeeper {
  const now = deps.now ?? Date.now;
  let trimmedAt = Number.NEGATIVE_INFINITY;
  return {
    async run(signal) {
      const { positions, absence } = await knownPositions(deps);
      const sizes = await measureLog(deps, positions);
      deps.metrics.measured(sizes, limits.maxBytes);
      const isCalm = totalBytes(sizes) < BUSY_FROM * limits.maxBytes && Math.abs(now() - trimmedAt) < CALM_EVERY_MS;
      if (!absence && !isCalm) {
        await trimChannels(deps, limits, signal);
        trimmedAt = now();
      }
      const left = await trimUntilItFits(deps, { positions, maxBytes: limits.maxBytes }, signal);
      await tellLevel(deps, left, limits);
      await shedUntilItFits(deps, { positions, maxBytes: limits.maxBytes }, signal);
      if (absence) throw absence.error;
    },
  };
}

async function knownPositions(deps: LogKeeperDeps): Promise<{ positions: Positions; absence?: { error: unknown } }> {
  try {
    return { positions: await within(POSITIONS_WITHIN_MS, readPositions(deps.pool)) };
  } catch (error) {
    return { positions: await readPersisted(deps.redis, deps.keys), absence: { error } };
  }
}

interface Budget {
  readonly positions: Positions;
  readonly maxBytes: number;
}

/** Nothing that is persisted may stand in the way when room is made. */
async function trimUntilItFits(deps: LogKeeperDeps, budget: Budget, signal: AbortSignal): Promise<LogSize[]> {
  for (let pass = 1; ; pass += 1) {
    const sizes = await measureLog(deps, budget.positions);
    const isOver = totalBytes(sizes) > budget.maxBytes && sizes.some(({ persistedEntries }) => persistedEntries > 0);
    if (!isOver || pass > PASSES || signal.aborted) return sizes;
    // In the end all of it: what is left then cannot be trimmed.
    const maxBytes = pass < PASSES ? budget.maxBytes : 0;
    await trimTo(deps, { ...budget, maxBytes, tooOldBefore: 0 }, signal);
  }
}

async function shedUntilItFits(deps: LogKeeperDeps, budget: Budget, signal: AbortSignal): Promise<void> {
  for (const channel of SHED_ORDER) {
    while (!signal.aborted) {
      const sizes = await measureLog(deps, budget.positions);
      const over = totalBytes(sizes) - budget.maxBytes;
      if (over <= 0) return;
      const size = sizes.find(found => found.channel === channel);
      if (!size || size.entries === 0) break;
      const count = Math.max(NODE_ENTRIES, Math.ceil((over * size.entries) / size.bytes));
      const shed = await shedLog(
        { redis: deps.redis, keys: deps.keys, channel },
        size.oldest + Math.min(count, size.entries) - 1,
        signal,
      );
      if (shed.removed === 0) break;
      deps.metrics.shed.inc({ channel }, shed.removed);
      announce(deps, {
        component: 'log',
        severity: 'critical',
        message: `the log in Redis has no room left and PostgreSQL has not taken what it holds: the oldest entries of "${channel}" were given up; check that PostgreSQL answers at DATABASE_URL and that its disk has room, or raise LOG_MAX_BYTES`,
        details: { channel, ...shed, maxBytes: budget.maxBytes },
      });
    }
  }
}

/** The level is kept in Redis: several workers and those that come after them tell each crossing once. */
async function tellLevel(deps: LogKeeperDeps, sizes: readonly LogSize[], limits: TrimLimits): Promise<void> {
  const waiting = totalBytes(sizes) - persistedBytes(sizes);
  const known = await deps.redis.get(deps.keys.logPressure);
  const before: PressureLevel = known === 'warning' || known === 'critical' ? known : 'none';
  const after = levelAt(before, waiting / limits.maxBytes);
  if (after === before) return;
  if (after === 'none') await deps.redis.del(deps.keys.logPressure);
  else await deps.redis.set(deps.keys.logPressure, after);
  const news = newsOf(before, after);
  if (!news) return;
  const details = { waitingBytes: Math.round(waiting), maxBytes: limits.maxBytes };
  announce(deps, { component: 'log', ...news, details });
}
