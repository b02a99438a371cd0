import type pg from 'pg';
import type { Logger } from '../runtime/logger.ts';
import { messageOf } from '../runtime/operator-error.ts';
import { within } from '../runtime/within.ts';
import { selectErrorsPage, selectOpenErrors } from '../store/error-log.ts';
import { readPositions } from '../store/log-positions.ts';
import { inTransaction } from '../store/transaction.ts';
import { formatPosition } from '../wire/position.ts';
import type { ErrorEvent } from './error-event.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';
import {
  compareNewestFirst,
  type ErrorFilters,
  type ErrorKey,
  type ErrorQuery,
  formatCursor,
  isMatch,
  parseCursor,
} from './error-query.ts';
import type { RecentEvents } from './recent-events.ts';

/** One page of groups, newest first. */
export interface ErrorPage {
  readonly errors: readonly ErrorGroup[];
  /** `cursor` of the next page; null when this is the last. */
  readonly next: string | null;
  /** Why older errors or earlier occurrences may be missing, as a sentence; null when all are there. */
  readonly incomplete: string | null;
}

interface Sources {
  readonly pool: pg.Pool;
  readonly recent: RecentEvents;
  readonly logger: Logger;
}

interface Wanted {
  readonly filters: ErrorFilters;
  readonly after: ErrorKey | null;
  /** One more than the page shows: then there is a next. */
  readonly limit: number;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
/** A PostgreSQL that froze must not take the list of errors with it: it may be what they are about. */
const STORE_WITHIN_MS = 2_000;

/** @throws OperatorError `INVALID_CURSOR` */
export async function listErrors(sources: Sources, query: ErrorQuery): Promise<ErrorPage> {
  const { limit = DEFAULT_LIMIT, cursor, ...filters } = query;
  const size = Math.min(MAX_LIMIT, Math.max(1, Math.trunc(limit)));
  const wanted = { filters, after: cursor === undefined ? null : parseCursor(cursor), limit: size + 1 };
  const { groups, incomplete } = await readGroups(sources, wanted);
  const last = groups[size - 1];
  return { errors: groups.slice(0, size), next: groups.length > size && last ? formatCursor(last) : null, incomplete };
}

async function readGroups(sources: Sources, wanted: Wanted) {
  try {
    return await within(STORE_WITHIN_MS, readMerged(sources, wanted));
  } catch (error) {
    sources.logger.debug({ err: error }, 'errors are listed from memory');
    const groups = pick(foldErrors([], sources.recent.after(null)), wanted);
    const incomplete = `PostgreSQL does not answer (${messageOf(error)}): these are only the newest errors, from memory`;
    return { groups, incomplete };
  }
}

/** One snapshot of PostgreSQL: rows and the position they stand for must belong together. */
async function readMerged({ pool, recent }: Sources, wanted: Wanted) {
  return inTransaction(pool, async client => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const persisted = (await readPositions(client)).get('errors');
    const position = persisted ? formatPosition(persisted) : null;
    const events = recent.after(position);
    const changed = await foldOnto(client, events);
    const without = changed.map(group => group.id);
    const stored = await selectErrorsPage(client, wanted.filters, { ...wanted, without });
    const incomplete = recent.isWholeAfter(position)
      ? null
      : 'PostgreSQL is behind the log by more than is kept in memory: the newest counts may be too low';
    return { groups: pick([...changed, ...stored], wanted), incomplete };
  });
}

async function foldOnto(client: pg.ClientBase, events: readonly ErrorEvent[]): Promise<ErrorGroup[]> {
  const fingerprints = new Set(events.flatMap(fingerprintsOf));
  if (fingerprints.size === 0) return [];
  return foldErrors(await selectOpenErrors(client, [...fingerprints]), events);
}

export function fingerprintsOf(event: ErrorEvent): readonly string[] {
  return event.kind === 'occurrence' ? [event.fingerprint] : event.errors.map(({ fingerprint }) => fingerprint);
}

function pick(groups: readonly ErrorGroup[], { filters, after, limit }: Wanted): ErrorGroup[] {
  return groups
    .filter(group => isMatch(group, filters) && (!after || compareNewestFirst(after, group) < 0))
    .sort(compareNewestFirst)
    .slice(0, limit);
}
