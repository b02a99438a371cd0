import { readFileSync } from 'node:fs';
import type { CallFilters } from '@3cx-relay/shared/store/call-filters.ts';
import { selectCallStatistics, selectCalls } from '@3cx-relay/shared/store/call-history.ts';
import { createMonth } from '@3cx-relay/shared/store/months.ts';
import type pg from 'pg';
import type { HistoryQuery } from './measure.ts';
import { withoutIndexes } from './without-indexes.ts';

const FILL = readFileSync(new URL('./fill-calls.sql', import.meta.url), 'utf8');
const FILL_PARTIES = readFileSync(new URL('./fill-call-parties.sql', import.meta.url), 'utf8');
const FILL_SUMS = readFileSync(new URL('./fill-call-sums.sql', import.meta.url), 'utf8');
const MONTHS = 13;
const LIMIT = 100;
const DAY_MS = 86_400_000;
const YEAR_TARGET_MS = 500;

/** Spread evenly over thirteen months that end now. */
export async function fillCalls(pool: pg.Pool, calls: number, now = new Date()): Promise<void> {
  const monthsAgo = (n: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - n, 1));
  const each = Math.ceil(calls / MONTHS);
  await withoutIndexes(pool, ['calls', 'call_parties', 'call_sums'], async () => {
    for (let n = 0; n < MONTHS; n += 1) {
      const from = monthsAgo(MONTHS - 1 - n);
      await createMonth(pool, 'calls', from);
      await createMonth(pool, 'call_parties', from);
      const to = n === MONTHS - 1 ? now : monthsAgo(MONTHS - 2 - n);
      await pool.query(FILL, [each, n * each, from, to]);
    }
    await Promise.all([pool.query(FILL_PARTIES), pool.query(FILL_SUMS)]);
  });
  await pool.query('VACUUM ANALYZE calls, call_parties, call_sums');
}

function page(
  name: string,
  filters: CallFilters,
  more: { newestFirst?: boolean; daysAgo?: number } = {},
): HistoryQuery {
  const { newestFirst = true, daysAgo } = more;
  return {
    name,
    async run(pool) {
      const key = daysAgo === undefined ? null : { at: Date.now() - daysAgo * DAY_MS, callId: '' };
      const range = newestFirst ? { after: null, before: key } : { after: key, before: null };
      return (await selectCalls(pool, filters, { ...range, newestFirst, limit: LIMIT })).calls.length;
    },
  };
}

function statistics(
  name: string,
  days: number,
  request: Omit<Parameters<typeof selectCallStatistics>[1], 'from' | 'to' | 'timeZone'> & { timeZone?: string },
): HistoryQuery {
  return {
    name,
    async run(pool) {
      const [from, to] = [new Date(Date.now() - days * DAY_MS), new Date()];
      return (await selectCallStatistics(pool, { from, to, timeZone: 'Europe/Berlin', ...request })).length;
    },
  };
}

const twenty = Array.from({ length: 20 }, (_, n) => String(100 + n));

/** What the lists and statistics of calls cost over a year of them. */
export const callQueries = (): HistoryQuery[] => [
  page('newest calls', {}),
  page('oldest calls', {}, { newestFirst: false }),
  page('calls half a year ago', {}, { daysAgo: 180 }),
  page('missed inbound calls', { directions: ['inbound'], dispositions: ['missed'] }),
  page('calls of an extension', { dns: ['117'] }),
  page('failed outbound calls of an extension', { dns: ['117'], directions: ['outbound'], dispositions: ['failed'] }),
  page('calls of an extension that is not there', { dns: ['999'] }),
  page('calls of a customer', { numbers: ['+49 30 1012345'] }),
  page('calls of the main number', { numbers: ['+49 30 55500'] }),
  page(
    'abandoned calls of a queue half a year ago',
    { queues: ['802'], dispositions: ['abandoned'] },
    { daysAgo: 180 },
  ),
  page('calls of twenty extensions', { scopeDns: twenty }),
  page('a customer within twenty extensions', { numbers: ['+49 30 1012345'], scopeDns: twenty }),
  page('the main number, an extension and a queue', { numbers: ['+49 30 55500'], dns: ['117'], queues: ['802'] }),
  page('the main number and an extension that is not there', { numbers: ['+49 30 55500'], dns: ['999'] }),
  statistics('a day by the hour', 1, { by: 'hour', of: 'all' }),
  statistics('a year by the month', 365, { by: 'month', of: 'all' }),
  statistics('a year by the day of an extension', 365, { by: 'day', of: 'dn', ids: ['117'] }),
  statistics('a month by the day of every extension', 30, { by: 'day', of: 'dn' }),
  statistics('a month by the day of every extension, UTC', 30, { by: 'day', of: 'dn', timeZone: 'UTC' }),
  statistics('a month by the day of every extension, New York', 30, {
    by: 'day',
    of: 'dn',
    timeZone: 'America/New_York',
  }),
  { ...statistics('a year by the month of every extension', 365, { by: 'month', of: 'dn' }), target: YEAR_TARGET_MS },
];
