import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMonth, dropMonths, MONTHLY_TABLES, type MonthlyTable } from '@3cx-relay/shared/store/months.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { HistoryDays } from './history-days.ts';

/**
 * The months that history is stored in, per table and in UTC: created ahead, and again just before rows of a month that
 * nobody created; dropped whole when retention ends. A month that cannot be created is no reason to stop: the rows go
 * into the default partition and move when the month is created later.
 */
export interface Months {
  /** Before inserting: the months these times (Unix ms) belong to. */
  ensure(table: MonthlyTable, times: Iterable<number>): Promise<void>;
  /** This month and the next ones of every table. */
  createAhead(): Promise<void>;
  /** Drops the months that ended before the retention of their channel. */
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

export function createMonths(deps: MonthsDeps, historyDays: HistoryDays): Months {
  const now = deps.now ?? Date.now;
  const created = new Set<string>();
  const oldestMs = (table: MonthlyTable) => now() - historyDays[MONTHLY_TABLES[table]] * DAY_MS;

  async function create(table: MonthlyTable, day: Date): Promise<void> {
    const name = `${table} ${day.toISOString().slice(0, 7)}`;
    if (created.has(name)) return;
    if (await createMonth(deps.pool, table, day)) deps.logger.info({ month: name }, 'created a month of history');
    created.add(name);
  }

  return {
    async ensure(table, times) {
      for (const at of firstOfEachMonth(times)) {
        if (at < oldestMs(table) || at > now() + PLAUSIBLE_AHEAD_MS) continue;
        try {
          await create(table, new Date(at));
        } catch (error) {
          deps.logger.warn({ table, err: error }, 'a month of history could not be created now, its rows wait');
        }
      }
    },
    async createAhead() {
      const today = new Date(now());
      for (const table of tables()) {
        for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead += 1) {
          await create(table, new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + ahead)));
        }
      }
    },
    async dropPast() {
      for (const table of tables()) {
        const dropped = await dropMonths(deps.pool, table, new Date(oldestMs(table)));
        if (dropped.length === 0) continue;
        deps.logger.info({ table, dropped }, 'dropped months of history past their days');
        created.clear();
      }
    },
  };
}

/** Those that rows come into from this channel. */
export function tablesOf(channel: Channel): MonthlyTable[] {
  return tables().filter(table => MONTHLY_TABLES[table] === channel);
}

/** The table of what a channel's events are found by. */
export function indexTable(channel: Channel): MonthlyTable {
  return `event_index_${channel}`;
}

function tables(): MonthlyTable[] {
  return Object.keys(MONTHLY_TABLES) as MonthlyTable[];
}

/** One time of each month that occurs; most batches lie in one month. */
function firstOfEachMonth(times: Iterable<number>): number[] {
  const months = new Map<number, number>();
  for (const at of times) {
    const date = new Date(at);
    const month = date.getUTCFullYear() * 12 + date.getUTCMonth();
    if (!Number.isNaN(month) && !months.has(month)) months.set(month, at);
  }
  return [...months.values()];
}
