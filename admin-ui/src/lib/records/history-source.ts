import type { AdminApi, Query } from '../api/admin-api.ts';
import type { RecordBounds, RecordSource } from './record-pages.svelte.ts';

type Answer = { readonly next: string | null } & Readonly<Record<string, unknown>>;

/** One of the relay's routes of history, for one set of filters. */
export interface HistoryRoute<Row> {
  /** Below `/relay/history/`. */
  readonly name: 'calls' | 'events' | 'audit';
  /** What the rows are called in the answer. */
  readonly rows: string;
  readonly filters: Query;
  /** Filters that every row has: they stay when it is only asked what time it is at a cursor. */
  readonly kept?: Query;
  readonly cursorOf: (row: Row) => string;
  readonly timeOf: (row: Row) => string | null;
}

export function createHistorySource<Row>(api: AdminApi, route: HistoryRoute<Row>): RecordSource<Row> {
  const path = `relay/history/${route.name}`;
  const read = async (query: Query, bounds: RecordBounds, signal: AbortSignal) => {
    const answer = await api.get<Answer>(path, { ...query, ...bounds }, signal);
    return { rows: answer[route.rows] as readonly Row[], next: answer.next };
  };
  return {
    read: (bounds, signal) => read(route.filters, bounds, signal),
    cursorOf: route.cursorOf,
    // A cursor is opaque: what stands there, whether the filters leave it or not, says how far the search is.
    async timeAt(bounds, signal) {
      const { rows } = await read(route.kept ?? {}, bounds, signal);
      const time = rows[0] === undefined ? null : route.timeOf(rows[0]);
      return time === null ? null : Date.parse(time);
    },
  };
}
