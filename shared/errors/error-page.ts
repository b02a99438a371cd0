import type pg from 'pg';
import type { Logger } from '../runtime/logger.ts';
import { messageOf } from '../runtime/operator-error.ts';
import { within } from '../runtime/within.ts';
import { selectErrorsPage } from '../store/error-log.ts';
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
import { inMergedErrors } from './merged-errors.ts';
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
export const STORE_WITHIN_MS = 2_000;

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

async function readMerged(sources: Sources, wanted: Wanted) {
  return inMergedErrors(sources, async ({ client, changed, incomplete }) => {
    const without = changed.map(group => group.id);
    const stored = await selectErrorsPage(client, wanted.filters, { ...wanted, without });
    return { groups: pick([...changed, ...stored], wanted), incomplete };
  });
}

function pick(groups: readonly ErrorGroup[], { filters, after, limit }: Wanted): ErrorGroup[] {
  return groups
    .filter(group => isMatch(group, filters) && (!after || compareNewestFirst(after, group) < 0))
    .sort(compareNewestFirst)
    .slice(0, limit);
}
