import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createEventsMonth, dropEventsMonths } from '@3cx-relay/shared/store/events.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';

/**
 * The months that events are stored in, per channel and in UTC: created ahead, and again just before rows of a month
 * that nobody created; dropped whole when retention ends. A month that cannot be created is no reason to stop: the
 * rows go into the default partition and move when the month is created later.
 */
export interface Months {
  /** Before inserting: the months these entries belong to. */
  ensure(channel: Channel, entries: readonly LogEntry[]): Promise<void>;
  /** This month and the next ones of every channel. */
  createAhead(): Promise<void>;
  /** Drops the months that ended before the retention of `historyDays`. */
  dropPast(): Promise<void>;
}

export interface MonthsDeps {
  readonly pool: PostgresPool['pool'];
  readonly logger: Logger;
  readonly now?: () => number;
}

const MONTHS_AHEAD = 2;
const DAY_MS = 24 * 3600 * 1_000;
/** A PBX whose clock is off by more gets no month of its own. */
const PLAUSIBLE_AHEAD_MS = 62 * DAY_MS;

export function createMonths(deps: MonthsDeps, limits: { historyDays: number }): Months {
  const now = deps.now ?? Date.now;
  const created = new Set<string>();
  const oldestMs = () => now() - limits.historyDays * DAY_MS;

  async function create(channel: Channel, day: Date): Promise<void> {
    const name = `${channel} ${day.toISOString().slice(0, 7)}`;
    if (created.has(name)) return;
    if (await createEventsMonth(deps.pool, channel, day))
      deps.logger.info({ month: name }, 'created a month of events');
    created.add(name);
  }

  return {
    async ensure(channel, entries) {
      for (const at of firstOfEachMonth(entries)) {
        if (at < oldestMs() || at > now() + PLAUSIBLE_AHEAD_MS) continue;
        try {
          await create(channel, new Date(at));
        } catch (error) {
          deps.logger.warn({ channel, err: error }, 'a month of events could not be created now, its rows wait');
        }
      }
    },
    async createAhead() {
      const today = new Date(now());
      for (const channel of CHANNELS) {
        for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead += 1) {
          await create(channel, new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + ahead)));
        }
      }
    },
    async dropPast() {
      for (const channel of CHANNELS) {
        const dropped = await dropEventsMonths(deps.pool, channel, new Date(oldestMs()));
        if (dropped.length === 0) continue;
        deps.logger.info({ channel, dropped }, 'dropped months of events past HISTORY_DAYS');
        created.clear();
      }
    },
  };
}

/** One time of each month that occurs; most batches lie in one month. */
function firstOfEachMonth(entries: readonly LogEntry[]): number[] {
  const months = new Map<number, number>();
  for (const { at } of entries) {
    const date = new Date(at);
    const month = date.getUTCFullYear() * 12 + date.getUTCMonth();
    if (!Number.isNaN(month) && !months.has(month)) months.set(month, at);
  }
  return [...months.values()];
}
