import type { HistoryPage, PageBounds, ReadHistory } from './history-kind.ts';

/**
 * All rows of an answer, a page at a time, each read when the client has taken the one before. Rows come in the order
 * of their cursors and no transaction stays open, so that whoever is interrupted goes on behind the last row he has.
 */
export interface Export<Row> {
  pages(): AsyncGenerator<readonly Row[], void, undefined>;
  /** Rows handed on so far. */
  readonly count: number;
  /** Cursor of the last row handed on. */
  readonly last: string | null;
  /** Where to go on once the limit was reached; null: there is no more. */
  readonly next: string | null;
  /** True while the database is asked: a client that gets nothing then is not to blame. */
  readonly isReading: boolean;
}

/** Rows read at once. */
const PAGE_ROWS = 1_000;

export interface ExportOptions<Row> {
  readonly read: ReadHistory<Row>;
  readonly cursorOf: (row: Row) => string;
  readonly bounds: Omit<PageBounds, 'limit'>;
  /** Null: everything. */
  readonly limit: number | null;
}

/** Reads the first page at once: until then an error can still be an answer. */
export async function startExport<Row>({ read, cursorOf, bounds, limit }: ExportOptions<Row>): Promise<Export<Row>> {
  let count = 0;
  let last: string | null = null;
  let next: string | null = null;
  let isReading = false;
  const readAt = async (cursor: string | null): Promise<HistoryPage<Row>> => {
    isReading = true;
    try {
      const rows = Math.min(PAGE_ROWS, limit === null ? PAGE_ROWS : limit - count);
      const from = cursor === null ? {} : bounds.newestFirst ? { before: cursor } : { after: cursor };
      return await read({ ...bounds, ...from, limit: rows });
    } finally {
      isReading = false;
    }
  };
  const first = await readAt(null);
  return {
    get count() {
      return count;
    },
    get last() {
      return last;
    },
    get next() {
      return next;
    },
    get isReading() {
      return isReading;
    },
    async *pages() {
      for (let page = first; ; page = await readAt(page.next)) {
        yield page.rows;
        // Counted once they were taken: what a client may not have got must come again.
        count += page.rows.length;
        const end = page.rows.at(-1);
        if (end !== undefined) last = cursorOf(end);
        next = page.next;
        if (next === null || count === limit) return;
      }
    },
  };
}
