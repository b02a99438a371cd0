import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { insertDeadLetters, type NewDeadLetter } from '@3cx-relay/shared/store/dead-letters.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { PersistMetrics } from './persist-metrics.ts';

/** What PostgreSQL refused of one batch. There are never more than the batch has entries, for each table. */
export interface DeadLetters {
  readonly size: number;
  add(letter: NewDeadLetter): void;
  /** In the batch's transaction. */
  write(client: PostgresClient): Promise<void>;
  /** Once the transaction is committed: what did not happen must not be told. */
  tell(to: Telling): void;
}

export interface Telling {
  readonly metrics: PersistMetrics;
  readonly logger: Logger;
  readonly errors?: ErrorSink | undefined;
}

/** The table of the entries themselves. */
export const EVENTS = 'events';

export function createDeadLetters(): DeadLetters {
  const letters: NewDeadLetter[] = [];
  return {
    get size() {
      return letters.length;
    },
    add: letter => void letters.push(letter),
    async write(client) {
      if (letters.length > 0) await insertDeadLetters(client, letters);
    },
    tell({ metrics, ...to }) {
      for (const [table, refused] of Map.groupBy(letters, ({ target }) => target)) {
        const [first] = refused;
        if (!first) continue;
        const { entry, error, row } = first;
        metrics.unstorable.inc({ channel: entry.channel }, refused.length);
        announce(to, {
          component: 'persist',
          severity: 'error',
          message: table === EVENTS ? ofEvents(entry) : ofTable(entry, table),
          details: { epoch: entry.epoch, seq: entry.seq, refused: refused.length, error, row },
        });
      }
    },
  };
}

function ofEvents({ channel }: LogEntry): string {
  return `PostgreSQL refused an entry of "${channel}": nothing is lost, its body is stored as text, and a dead letter says why`;
}

function ofTable({ channel }: LogEntry, table: string): string {
  return `PostgreSQL refused a row of ${table} that an entry of "${channel}" stands for: the entry is stored, and a dead letter keeps the row to be tried again`;
}
