import type pg from 'pg';
import type { Logger } from '../runtime/logger.ts';
import { messageOf } from '../runtime/operator-error.ts';
import { within } from '../runtime/within.ts';
import { countOpenErrors } from '../store/error-log.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';
import { inMergedErrors } from './merged-errors.ts';
import type { RecentEvents } from './recent-events.ts';
import { SEVERITIES, type Severity } from './severity.ts';

export interface OpenErrors {
  readonly counts: Readonly<Record<Severity, number>>;
  /** Why they may be too low, as a sentence; null when they are right. */
  readonly incomplete: string | null;
}

/** Shorter than a list may take: this is one number of many on a page. */
const STORE_WITHIN_MS = 1_200;

/** How many groups are open, those included that PostgreSQL does not have yet. */
export async function countOpen(sources: { pool: pg.Pool; recent: RecentEvents; logger: Logger }): Promise<OpenErrors> {
  try {
    return await within(STORE_WITHIN_MS, countMerged(sources));
  } catch (error) {
    sources.logger.debug({ err: error }, 'errors are counted from memory');
    const incomplete = `PostgreSQL does not answer (${messageOf(error)}): only the newest errors are counted, from memory`;
    return { counts: toCounts(foldErrors([], sources.recent.after(null))), incomplete };
  }
}

function countMerged(sources: { pool: pg.Pool; recent: RecentEvents }): Promise<OpenErrors> {
  return inMergedErrors(sources, async ({ client, open, changed, incomplete }) => {
    const stored = await countOpenErrors(client);
    // What the newest events speak of is counted as they leave it, and not as PostgreSQL has it.
    const [before, after] = [toCounts(open), toCounts(lastOf(open, changed))];
    const counts = toCounts([]);
    for (const severity of SEVERITIES) {
      counts[severity] = (stored.get(severity) ?? 0) - before[severity] + after[severity];
    }
    return { counts, incomplete };
  });
}

function lastOf(open: readonly ErrorGroup[], changed: readonly ErrorGroup[]): ErrorGroup[] {
  return [...new Map([...open, ...changed].map(group => [group.id, group])).values()];
}

function toCounts(groups: readonly ErrorGroup[]): Record<Severity, number> {
  const counts = { critical: 0, error: 0, warning: 0, info: 0 };
  for (const { severity, acknowledged } of groups) if (!acknowledged) counts[severity] += 1;
  return counts;
}
