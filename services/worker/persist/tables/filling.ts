import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Months } from '../../retention/months.ts';

/** What a table is filled with, in the transaction that moves the position of the channel. */
export interface Filling {
  readonly client: PostgresClient;
  readonly months: Pick<Months, 'ensure'>;
  /**
   * PostgreSQL takes everything that is decoded; should it refuse a row all the same, the channel goes on without it.
   * `entry`: what the row was made from.
   */
  readonly onUnstorable: (row: unknown, error: unknown, entry: LogEntry) => Promise<void>;
}

export type FillTable = (filling: Filling, entries: readonly LogEntry[]) => Promise<void>;
