import { selectConnectionChanges } from '@3cx-relay/shared/store/connection-history.ts';
import type { ConnectionHistory } from '@3cx-relay/shared/wire/admin/connections.ts';
import type pg from 'pg';
import { z } from 'zod';
import { wholeNumber } from '../../public/events-query.ts';
import { parseQuery, type RawQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { time } from '../../public/records/records-query.ts';
import { toConnectionState } from './day-cells.ts';
import { toIncidents } from './incidents.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Changes that are looked at for incidents; a connection that changes more often than that is one incident anyway. */
const MAX_CHANGES = 5_000;

const pastQuery = z.strictObject({
  from: time.optional(),
  to: time.optional(),
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT),
  before: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the "next" of an earlier page')
    .transform(Number)
    .optional(),
});

export interface PastQuery {
  readonly from: Date;
  readonly to: Date;
  readonly limit: number;
  /** The id of the last change of the page before. */
  readonly before: number | null;
}

/** @throws ProblemError naming the parameter */
export function parsePastQuery(raw: RawQuery, { maxDays, now }: { maxDays: number; now: number }): PastQuery {
  const { to = now, from = to - DEFAULT_DAYS * DAY_MS, limit, before = null } = parseQuery(raw, pastQuery);
  if (from >= to) throw new ProblemError('invalid_request', 'from: must be before "to"', 'from');
  if (to - from > maxDays * DAY_MS) {
    const detail = `from: must be at most ${maxDays} days before "to" (ADMIN_MAX_CONNECTION_HISTORY_DAYS)`;
    throw new ProblemError('invalid_request', detail, 'from');
  }
  return { from: new Date(from), to: new Date(to), limit, before };
}

export async function readConnectionPast(
  pool: pg.Pool,
  component: string,
  { from, to, limit, before, now }: PastQuery & { now: number },
): Promise<ConnectionHistory> {
  const found = await selectConnectionChanges(pool, component, { from, to, limit: MAX_CHANGES + 1 });
  const changes = found.slice(0, MAX_CHANGES);
  const rest = before === null ? changes : changes.slice(changes.findIndex(({ id }) => id === before) + 1);
  const page = rest.slice(0, limit);
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    changes: page.map(({ state, latency: latencyMs, error, at }) => ({
      ...{ at: at.toISOString(), state: toConnectionState(state), latencyMs, error },
    })),
    incidents: before === null ? toIncidents(component, changes, Math.min(now, to.getTime())) : [],
    next: rest.length > limit ? String(page.at(-1)?.id) : null,
    incomplete:
      found.length > MAX_CHANGES
        ? `only the newest ${MAX_CHANGES} changes of this time are looked at: ask for less time at once`
        : null,
  };
}
