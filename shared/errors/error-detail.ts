import type pg from 'pg';
import type { Logger } from '../runtime/logger.ts';
import { messageOf, OperatorError } from '../runtime/operator-error.ts';
import { within } from '../runtime/within.ts';
import { selectErrorsByPosition } from '../store/error-log.ts';
import { readEventHistory } from '../store/event-history.ts';
import { parsePosition } from '../wire/position.ts';
import { decodeErrorEvent, type ErrorEvent, type ErrorOccurrence } from './error-event.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';
import { STORE_WITHIN_MS } from './error-page.ts';
import { inMergedErrors } from './merged-errors.ts';
import type { RecentEvents } from './recent-events.ts';

/** A group with its newest occurrences. */
export interface ErrorDetail {
  readonly error: ErrorGroup;
  /** Newest first. */
  readonly samples: readonly ErrorOccurrence[];
  /** Why occurrences may be missing, as a sentence; null when none is. */
  readonly incomplete: string | null;
}

interface Sources {
  readonly pool: pg.Pool;
  readonly recent: RecentEvents;
  readonly logger: Logger;
}

type Found = Pick<ErrorDetail, 'error' | 'incomplete'>;

const MAX_SAMPLES = 20;
/** A group of which one occurrence comes in thousands of others is not searched to its end. */
const MAX_PAGES = 4;
const PAGE = 200;

/** @throws OperatorError `STORE_AWAY` when it is not in memory and PostgreSQL does not answer */
export async function findError(sources: Sources, id: string): Promise<ErrorDetail | null> {
  const found = await findGroup(sources, id);
  if (!found) return null;
  const { error } = found;
  const isOf = (event: ErrorEvent | null): event is ErrorOccurrence =>
    event?.kind === 'occurrence' &&
    event.fingerprint === error.fingerprint &&
    event.id >= error.id &&
    event.id <= error.lastId;
  const newest = sources.recent.after(null).filter(isOf).reverse().slice(0, MAX_SAMPLES);
  if (newest.length === MAX_SAMPLES || newest.at(-1)?.id === error.id) return { ...found, samples: newest };
  try {
    const older = await within(STORE_WITHIN_MS, readOlder(sources.pool, { error, isOf, newest }));
    return { ...found, samples: [...newest, ...older] };
  } catch (cause) {
    sources.logger.debug({ err: cause }, 'occurrences of an error are told from memory');
    const incomplete =
      found.incomplete ?? `PostgreSQL does not answer (${messageOf(cause)}): older occurrences are missing`;
    return { ...found, samples: newest, incomplete };
  }
}

async function findGroup(sources: Sources, id: string): Promise<Found | null> {
  try {
    return await within(
      STORE_WITHIN_MS,
      inMergedErrors(sources, async ({ client, changed, incomplete }) => {
        const error = pick(changed, id) ?? (await selectErrorsByPosition(client, [id]))[0];
        return error ? { error, incomplete } : null;
      }),
    );
  } catch (cause) {
    const error = pick(foldErrors([], sources.recent.after(null)), id);
    const away = `PostgreSQL does not answer (${messageOf(cause)})`;
    if (!error) throw new OperatorError('STORE_AWAY', `${away}: older errors cannot be looked up`, { cause });
    return { error, incomplete: `${away}: this is what the newest entries tell of it, from memory` };
  }
}

function pick(groups: readonly ErrorGroup[], id: string): ErrorGroup | undefined {
  return groups.find(group => group.id === id);
}

/** Behind those that memory had, from the log in PostgreSQL. */
async function readOlder(
  pool: pg.Pool,
  of: {
    error: ErrorGroup;
    isOf: (event: ErrorEvent | null) => event is ErrorOccurrence;
    newest: readonly ErrorOccurrence[];
  },
): Promise<ErrorOccurrence[]> {
  const { error, isOf, newest } = of;
  const [first, last] = [parsePosition(error.id), parsePosition(newest.at(-1)?.id ?? error.lastId)];
  if (!first || !last) return [];
  const after = { epoch: first.epoch, seq: first.seq - 1 };
  const older: ErrorOccurrence[] = [];
  let before = newest.length > 0 ? last : { epoch: last.epoch, seq: last.seq + 1 };
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = { channel: 'errors', components: [error.component] } as const;
    const { entries, next } = await readEventHistory(pool, query, { after, before, newestFirst: true, limit: PAGE });
    older.push(...entries.map(decodeErrorEvent).filter(isOf));
    if (next === null || newest.length + older.length >= MAX_SAMPLES) break;
    before = next;
  }
  return older.slice(0, MAX_SAMPLES - newest.length);
}
