import { DIRECTIONS } from '@3cx-relay/shared/wire/call.ts';
import { z } from 'zod';
import { filters, list } from '../events-query.ts';
import { parseQuery, type RawQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';
import { time } from '../records/records-query.ts';
import { oneOf } from './one-of.ts';

export const PERIODS = ['hour', 'day', 'month'] as const;

const DAY_MS = 86_400_000;
/** Of each period the longest span: 1,500 periods at most. Of extensions and queues the rows are bounded, too. */
const MAX_DAYS: Readonly<Record<(typeof PERIODS)[number], number>> = { hour: 62, day: 1_100, month: 36_500 };

export const statisticsQuery = z.strictObject({
  from: time.optional().describe('ISO 8601 with zone, or Unix ms; default: a day before `to`.'),
  to: time.optional().describe('Exclusive; default: now.'),
  by: z.enum(PERIODS, `must be one of ${PERIODS.join(', ')}`).default('hour'),
  timeZone: z
    .string()
    .max(64)
    .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
    .default('UTC')
    .describe('In which days and months begin.'),
  dn: list(filters.dn).describe('Extensions: each gets periods of its own.'),
  queue: list(filters.dn).describe('Queues and ring groups, likewise; not together with `dn`.'),
  of: z
    .enum(['all', 'dn', 'queue'], 'must be one of all, dn, queue')
    .optional()
    .describe('`dn`, `queue`: every one that had calls. Without `dn` and `queue` the default is `all`.'),
  direction: oneOf(DIRECTIONS),
});

export interface StatisticsQuery {
  readonly from: Date;
  readonly to: Date;
  readonly by: (typeof PERIODS)[number];
  readonly timeZone: string;
  readonly of: 'all' | 'dn' | 'queue';
  /** Undefined: each that had calls. */
  readonly ids: readonly string[] | undefined;
  readonly directions: readonly (typeof DIRECTIONS)[number][] | undefined;
}

/** @throws ProblemError naming the parameter */
export function parseStatisticsQuery(raw: RawQuery, now: number): StatisticsQuery {
  const { by, timeZone, dn, queue, direction, ...asked } = parseQuery(raw, statisticsQuery);
  if (dn && queue) throw refused('queue', 'cannot be asked for together with "dn"');
  const named = dn ? 'dn' : queue ? 'queue' : null;
  const of = asked.of ?? named ?? 'all';
  if (named && of !== named) throw refused('of', `must be ${named}, because "${named}" is given`);
  const to = asked.to ?? now;
  const from = asked.from ?? to - DAY_MS;
  if (from >= to) throw refused('from', 'must be before "to"');
  if (to - from > MAX_DAYS[by] * DAY_MS) {
    throw refused('to', `must be at most ${MAX_DAYS[by]} days after "from" when counted by the ${by}`);
  }
  return {
    from: new Date(from),
    to: new Date(to),
    by,
    timeZone,
    of,
    ids: dn ?? queue,
    directions: direction,
  };
}

/** Whether PostgreSQL knows it, too. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets such as +01:00 are known here and not to PostgreSQL, which would take them the other way round.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

function refused(field: string, message: string): ProblemError {
  return new ProblemError('invalid_request', `${field}: ${message}`, field);
}
