import { decodeErrorEvent } from '@3cx-relay/shared/errors/error-event.ts';
import { selectCallStatistics } from '@3cx-relay/shared/store/call-history.ts';
import { readEventHistory } from '@3cx-relay/shared/store/event-history.ts';
import type { StatsAnswer } from '@3cx-relay/shared/wire/admin/stats.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import type pg from 'pg';

const HOUR_MS = 3_600_000;
const HOURS = 24;
const PAGE = 1_000;
/** A day with more entries than that is counted from its end. */
const MAX_PAGES = 5;

export type Hourly<Part extends 'callsPerHour'> = NonNullable<StatsAnswer[Part]>;

export interface ErrorHours {
  readonly hours: NonNullable<StatsAnswer['errors']['last24h']>;
  /** Of what came before nothing is counted; null when all is. */
  readonly countedFrom: Date | null;
}

/** Entries of a day that are counted. */
export const MAX_COUNTED = PAGE * MAX_PAGES;

/** The hour that goes on is the last one. */
function hoursUntil(now: number): number[] {
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  return Array.from({ length: HOURS }, (_, index) => last - (HOURS - 1 - index) * HOUR_MS);
}

export async function readCallsPerHour(pool: pg.Pool, now: number): Promise<Hourly<'callsPerHour'>> {
  const hours = hoursUntil(now);
  const [from, to] = [new Date(hours[0] ?? now), new Date(now)];
  const found = await selectCallStatistics(pool, { from, to, by: 'hour', timeZone: 'UTC', of: 'all' });
  const byHour = new Map(found.map(each => [Date.parse(each.period), each]));
  return hours.map(hour => {
    const { calls = 0, answered = 0, missed = 0, abandoned = 0 } = byHour.get(hour) ?? {};
    return { at: new Date(hour).toISOString(), calls, answered, missed, abandoned };
  });
}

/** Occurrences, those included that were counted instead of written. */
export async function readErrorsPerHour(pool: pg.Pool, now: number): Promise<ErrorHours> {
  const hours = hoursUntil(now);
  const cells = hours.map(hour => ({
    at: new Date(hour).toISOString(),
    ...{ critical: 0, error: 0, warning: 0, info: 0 },
  }));
  let before: LogPosition | null = null;
  let oldest = now;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = { channel: 'errors', from: hours[0] } as const;
    const { entries, next } = await readEventHistory(pool, query, {
      after: null,
      before,
      newestFirst: true,
      limit: PAGE,
    });
    for (const entry of entries) {
      oldest = Math.min(oldest, entry.at);
      const event = decodeErrorEvent(entry);
      const cell = cells[Math.floor((entry.at - (hours[0] ?? 0)) / HOUR_MS)];
      if (event?.kind === 'occurrence' && cell) cell[event.severity] += 1 + event.suppressed;
    }
    if (next === null) return { hours: cells, countedFrom: null };
    before = next;
  }
  return { hours: cells, countedFrom: new Date(oldest) };
}
