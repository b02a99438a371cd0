import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { storeInHalves } from '../in-halves.ts';
import { fillApiRequests } from './fill-api-requests.ts';
import { fillAuditChain } from './fill-audit-chain.ts';
import { fillAuditLines } from './fill-audit-lines.ts';
import { fillCalls } from './fill-calls.ts';
import { fillConnectionHistory } from './fill-connection-history.ts';
import { fillErrorLog } from './fill-error-log.ts';
import type { Filling, FillTable } from './filling.ts';

/**
 * The tables that are made from a channel: `errors` fills error_log, `health` fills connection_status_history, `audit`
 * the chain in audit_log and its lines in error_log, `requests` api_requests and its hours, `calls` the table of calls.
 *
 * Called in the transaction that copies the entries and moves the position, so that each entry has its effect once,
 * whatever is killed when.
 */
interface Filled {
  readonly channel: Channel;
  /** By which a dead letter names it. */
  readonly table: string;
  readonly fill: FillTable;
}

const FILLED: readonly Filled[] = [
  { channel: 'calls', table: 'calls', fill: fillCalls },
  { channel: 'errors', table: 'error_log', fill: fillErrorLog },
  { channel: 'health', table: 'connection_status_history', fill: fillConnectionHistory },
  { channel: 'audit', table: 'audit_log', fill: fillAuditChain },
  { channel: 'audit', table: 'error_log', fill: fillAuditLines },
  { channel: 'requests', table: 'api_requests', fill: fillApiRequests },
];

export interface TableFilling {
  readonly client: PostgresClient;
  readonly months: Filling['months'];
  readonly channel: Channel;
  readonly onUnstorable: (table: string, row: unknown, error: unknown, entry: LogEntry) => Promise<void>;
  /** Takes an entry out of what is filled, whatever its error: see quarantine.ts. */
  readonly isRefusal?: (error: unknown) => boolean;
}

export async function fillTables(filling: TableFilling, entries: readonly LogEntry[]): Promise<void> {
  const { client, months, channel, isRefusal, onUnstorable } = filling;
  for (const { table, fill } of FILLED.filter(filled => filled.channel === channel)) {
    const own = {
      client,
      months,
      onUnstorable: (row: unknown, error: unknown, entry: LogEntry) => onUnstorable(table, row, error, entry),
    };
    if (!isRefusal) {
      await fill(own, entries);
      continue;
    }
    const store = (some: readonly LogEntry[]) => fill(own, some);
    const onRefused = (entry: LogEntry, error: unknown) => onUnstorable(table, undefined, error, entry);
    await storeInHalves({ client, store, onRefused, isRefusal }, entries);
  }
}

/** The one that makes rows of this table from entries of this channel; undefined when none does. */
export function fillOf(channel: Channel, table: string): FillTable | undefined {
  return FILLED.find(filled => filled.channel === channel && filled.table === table)?.fill;
}
