import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { Months } from '../months.ts';
import { fillAuditChain } from './fill-audit-chain.ts';
import { fillAuditLines } from './fill-audit-lines.ts';
import { fillCalls } from './fill-calls.ts';
import { fillConnectionHistory } from './fill-connection-history.ts';
import { fillErrorLog } from './fill-error-log.ts';

/**
 * The tables that are views of a channel: `errors` fills error_log, `health` fills connection_status_history, `audit`
 * adds its lines to error_log and its entries to the chain in audit_log, and `calls` fills the table of calls.
 *
 * Called in the transaction that copies the entries and moves the position, so that each entry has its effect once,
 * whatever is killed when.
 */
export interface Filling {
  readonly client: PostgresClient;
  readonly months: Pick<Months, 'ensure'>;
  /** PostgreSQL takes everything that is decoded; should it refuse a row all the same, the channel goes on without it. */
  readonly onUnstorable: (row: unknown, error: unknown) => void;
}

const FILL: Readonly<Partial<Record<Channel, (filling: Filling, entries: readonly LogEntry[]) => Promise<void>>>> = {
  calls: fillCalls,
  errors: fillErrorLog,
  health: fillConnectionHistory,
  async audit(filling, entries) {
    await fillAuditChain(filling, entries);
    await fillAuditLines(filling, entries);
  },
};

export async function fillTables(filling: Filling, channel: Channel, entries: readonly LogEntry[]): Promise<void> {
  await FILL[channel]?.(filling, entries);
}
