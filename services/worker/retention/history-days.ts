import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { WorkerConfig } from '../config.ts';

/** How many days PostgreSQL keeps of each channel, and of everything that is made from it. */
export type HistoryDays = Readonly<Record<Channel, number>>;

export function historyDaysOf(config: WorkerConfig): HistoryDays {
  const days = config.HISTORY_DAYS;
  return {
    calls: config.HISTORY_DAYS_CALLS ?? days,
    health: config.HISTORY_DAYS_HEALTH ?? days,
    errors: config.HISTORY_DAYS_ERRORS ?? days,
    audit: config.HISTORY_DAYS_AUDIT ?? days,
    requests: config.HISTORY_DAYS_REQUESTS ?? days,
  };
}

/** Every channel the same. */
export function sameDays(days: number): HistoryDays {
  return { calls: days, health: days, errors: days, audit: days, requests: days };
}
