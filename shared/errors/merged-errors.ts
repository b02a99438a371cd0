import type pg from 'pg';
import { selectOpenErrors } from '../store/error-log.ts';
import { readPositions } from '../store/log-positions.ts';
import { inTransaction } from '../store/transaction.ts';
import { formatPosition } from '../wire/position.ts';
import type { ErrorEvent } from './error-event.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';
import type { RecentEvents } from './recent-events.ts';

/** What PostgreSQL does not have yet, folded onto what it has. */
export interface MergedErrors {
  readonly client: pg.ClientBase;
  /** Behind what PostgreSQL has, in the order of the log. */
  readonly events: readonly ErrorEvent[];
  /** Open groups of PostgreSQL that these events may speak of, as they stand there. */
  readonly open: readonly ErrorGroup[];
  /** Those of them that the events changed, and new ones. */
  readonly changed: readonly ErrorGroup[];
  /** Why counts may be too low, as a sentence; null when all is there. */
  readonly incomplete: string | null;
}

/** Works in one snapshot of PostgreSQL: rows and the position they stand for must belong together. */
export async function inMergedErrors<Result>(
  { pool, recent }: { pool: pg.Pool; recent: RecentEvents },
  work: (merged: MergedErrors) => Promise<Result>,
): Promise<Result> {
  return inTransaction(pool, async client => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const persisted = (await readPositions(client)).get('errors');
    const position = persisted ? formatPosition(persisted) : null;
    const events = recent.after(position);
    const fingerprints = new Set(events.flatMap(fingerprintsOf));
    const open = fingerprints.size === 0 ? [] : await selectOpenErrors(client, [...fingerprints]);
    const incomplete = recent.isWholeAfter(position)
      ? null
      : 'PostgreSQL is behind the log by more than is kept in memory: the newest counts may be too low';
    return work({ client, events, open, changed: foldErrors(open, events), incomplete });
  });
}

export function fingerprintsOf(event: ErrorEvent): readonly string[] {
  return event.kind === 'occurrence' ? [event.fingerprint] : event.errors.map(({ fingerprint }) => fingerprint);
}
