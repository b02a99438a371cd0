import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { type StatsAnswer, statsAnswer } from '@3cx-relay/shared/wire/admin/stats.ts';
import type pg from 'pg';
import type { HealthReport } from '../../health.ts';
import type { DeliveryWindow } from '../../live/delivery-window.ts';
import { shareAnswer } from '../../share-answer.ts';
import { MAX_COUNTED, readCallsPerHour, readErrorsPerHour } from './hourly.ts';
import { readActiveCalls, readRedisStats } from './redis-stats.ts';

export interface StatsDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: pg.Pool;
  readonly report: () => Promise<HealthReport>;
  readonly tracker: Pick<ErrorTracker, 'countOpen'>;
  readonly deliveries: DeliveryWindow;
  readonly now: () => number;
}

/** The slowest part, health, has a deadline of its own of the same length. */
const PART_WITHIN_MS = 1_500;
const STATS_VALID_MS = 500;
/** Bars of an hour look the same for longer than a number does. */
const HOURLY_VALID_MS = 10_000;

const persistLag = statsAnswer.shape.persistLag;

/** Everybody within the same moment gets the same answer. A part whose store is away is null, and the others are there. */
export function createStatsReport(deps: StatsDeps): () => Promise<StatsAnswer> {
  const { redis, keys, pool, now } = deps;
  const callsPerHour = shareAnswer(() => readCallsPerHour(pool, now()), HOURLY_VALID_MS);
  const errorsPerHour = shareAnswer(() => readErrorsPerHour(pool, now()), HOURLY_VALID_MS);
  const redisStats = shareAnswer(() => readRedisStats(redis, keys), STATS_VALID_MS);

  return shareAnswer(async () => {
    const missing: string[] = [];
    const part = async <Value>(name: string, work: Promise<Value>): Promise<Value | null> => {
      try {
        return await within(PART_WITHIN_MS, work);
      } catch (error) {
        missing.push(`${name}: ${messageOf(error)}`);
        return null;
      }
    };
    const [health, open, active, calls, errors, memory] = await Promise.all([
      deps.report(),
      deps.tracker.countOpen(),
      part('active calls: Redis does not answer', readActiveCalls(redis, keys)),
      part('calls per hour: PostgreSQL does not answer', callsPerHour()),
      part('errors of the last 24 hours: PostgreSQL does not answer', errorsPerHour()),
      part('memory: Redis does not answer', redisStats()),
    ]);
    if (open.incomplete !== null) missing.push(`open errors: ${open.incomplete}`);
    if (errors?.countedFrom) {
      missing.push(
        `errors of the last 24 hours: only the newest ${MAX_COUNTED.toLocaleString('en')} entries are counted`,
      );
    }
    const lag = persistLag.safeParse(health.components.persist.lag).data ?? null;
    if (lag === null) missing.push('persist lag: nothing is known of it while Redis does not answer');
    return {
      asOf: new Date(now()).toISOString(),
      activeCalls: active,
      eventsPerSecond: deps.deliveries.rates(),
      clients: { here: health.clients },
      latency: deps.deliveries.latency(),
      errors: {
        open: { ...open.counts },
        last24h: errors?.hours ?? null,
        countedFrom: errors?.countedFrom?.toISOString() ?? null,
      },
      callsPerHour: calls,
      persistLag: lag,
      redis: memory,
      health: { status: health.status, components: { ...health.components } },
      missing,
    };
  }, STATS_VALID_MS);
}
