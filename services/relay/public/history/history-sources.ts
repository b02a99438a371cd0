import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { CallStatistics, StoredAudit, StoredCall } from '@3cx-relay/shared/wire/history.ts';
import type { z } from 'zod';
import type { ReadHistory } from './history-kind.ts';
import type { auditHistoryQuery, callsHistoryQuery, eventsHistoryQuery } from './history-query.ts';
import type { StatisticsQuery } from './statistics-query.ts';

/** Extensions of which one must take part; null: whoever. */
interface Scoped {
  readonly scope: readonly string[] | null;
}

/** What of each kind PostgreSQL has, for the filters of one request. */
export interface HistorySources {
  calls(filters: z.output<typeof callsHistoryQuery> & Scoped): ReadHistory<StoredCall>;
  events(filters: z.output<typeof eventsHistoryQuery> & Scoped): ReadHistory<LogEntry>;
  audit(filters: z.output<typeof auditHistoryQuery>): ReadHistory<StoredAudit>;
  /** Sums that the worker keeps, not a count over the calls. */
  statistics(query: StatisticsQuery): Promise<CallStatistics[]>;
  /** Of the channel, oldest first. */
  epochs(channel: Channel): Promise<readonly EpochStart[]>;
}
