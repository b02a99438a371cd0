import { type EventHistory, type HistoryPage, readEventHistory } from '@3cx-relay/shared/store/event-history.ts';
import type { EventHistoryQuery } from '@3cx-relay/shared/store/history/criteria.ts';
import { callOf, type FillOptions, timeOf } from './fill-events.ts';
import type { HistoryQuery } from './measure.ts';

const HOUR_MS = 3_600_000;
const LIMIT = 100;

export function eventQueries(options: FillOptions): HistoryQuery[] {
  const middle = Math.floor(options.rows / 2);
  const [from, to] = [timeOf(options, middle), timeOf(options, middle) + 24 * HOUR_MS];
  const { callId, number } = callOf(middle);
  const newest: Partial<HistoryPage> = { newestFirst: true };
  const queries: [string, Omit<EventHistoryQuery, 'channel'>, Partial<HistoryPage>][] = [
    ['newest entries', {}, newest],
    ['oldest entries', {}, {}],
    ['a day in the middle', { from, to }, {}],
    ['the end of a day, newest first', { from, to }, newest],
    ['busy extension, newest first', { dns: ['101'] }, newest],
    ['busy extension, a day', { dns: ['101'], from, to }, {}],
    ['quiet extension, newest first', { dns: ['147'] }, newest],
    ['frequent event, oldest first', { events: ['call.updated'] }, {}],
    ['rare event, newest first', { events: ['call.recorded'] }, newest],
    ['quiet extension and rare event', { dns: ['147'], events: ['call.recorded'] }, newest],
    ['busy extension and frequent event, a day', { dns: ['101'], events: ['call.answered'], from, to }, newest],
    ['five extensions, newest first', { dns: ['101', '102', '103', '120', '140'] }, newest],
    ['a number', { numbers: [number] }, newest],
    ['a number and an extension', { numbers: [number], dns: ['101'] }, {}],
    ['a number that nobody has', { numbers: ['+499999'] }, newest],
    ['an extension that is never there', { dns: ['999'] }, {}],
    ['a call', { calls: [callId] }, {}],
    ['a key of two extensions, frequent event', { scopeDns: ['120', '130'], events: ['call.ended'] }, newest],
    ['an event after the last day', { events: ['call.ended'], from: options.until + HOUR_MS }, {}],
  ];
  return queries.map(([name, query, page]) => ({
    name,
    async run(pool) {
      const all: HistoryPage = { after: null, before: null, newestFirst: false, limit: LIMIT, ...page };
      const { entries }: EventHistory = await readEventHistory(pool, { channel: 'calls', ...query }, all);
      return entries.length;
    },
  }));
}
