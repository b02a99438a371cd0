import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';

/** Where a page lies: at the newest row, or on one side of a row that somebody was at. */
export type Place =
  | { readonly at: 'newest' }
  | { readonly at: 'before'; readonly cursor: string }
  | { readonly at: 'after'; readonly cursor: string };

/** What the relay is asked for one read. */
export interface RecordBounds {
  readonly order: 'asc' | 'desc';
  readonly before?: string;
  readonly after?: string;
  readonly limit: number;
}

/** `next` goes on in the same order; null: there is no more. It may come with few rows, or none. */
export interface RecordRead<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

export interface RecordSource<Row> {
  read(bounds: RecordBounds, signal: AbortSignal): Promise<RecordRead<Row>>;
  cursorOf(row: Row): string;
  /** Unix ms of what stands at a cursor, whatever it is; null when nobody can say. */
  timeAt(bounds: RecordBounds, signal: AbortSignal): Promise<number | null>;
}

/** A page as it is shown: the newest row first. The cursors are those of the pages beside it; null: there is none. */
export interface RecordPage<Row> {
  readonly rows: readonly Row[];
  readonly newer: string | null;
  readonly older: string | null;
}

export const PAGE_ROWS = 50;

/** One page is looked for so long before people are asked whether to go on. */
const SEARCH_MS = 10_000;
const RETRY_MS = 5_000;

/**
 * Rows of history, a page at a time. Pages follow rows and not a count of them, so that what comes in meanwhile shifts
 * nothing. A rare combination of filters makes the relay answer with few rows, or none, and the place that it reached:
 * then this goes on by itself for a while, and tells how far it is.
 */
export class RecordPages<Row> {
  page = $state.raw<RecordPage<Row> | null>(null);
  problem = $state.raw<AdminProblem | null>(null);
  isLoading = $state(false);
  /** Unix ms of the last answer. */
  readAt = $state<number | null>(null);
  /** Unix ms down (or up) to which it has looked; null while one read is enough, or nobody can say. */
  searchedTo = $state<number | null>(null);
  /** It looked for as long as it may by itself. */
  isPaused = $state(false);
  #source: RecordSource<Row> | null = null;
  #place: Place = { at: 'newest' };
  #running: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Where a search that paused goes on, and what it has found. */
  #rest: { rows: readonly Row[]; next: string | null } = { rows: [], next: null };

  /** Shows another page. What was there stays until the first rows of it come. */
  show(source: RecordSource<Row>, place: Place): void {
    this.#source = source;
    this.#place = place;
    this.#rest = { rows: [], next: place.at === 'newest' ? null : place.cursor };
    void this.#search();
  }

  reload(): void {
    if (this.#source) this.show(this.#source, this.#place);
  }

  /** After a pause: looks on from where it stopped. */
  goOn(): void {
    void this.#search();
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#running?.abort();
  }

  async #search(): Promise<void> {
    const source = this.#source;
    if (!source) return;
    this.stop();
    const running = new AbortController();
    this.#running = running;
    this.isLoading = true;
    this.isPaused = false;
    this.searchedTo = null;
    try {
      const pauseAt = Date.now() + SEARCH_MS;
      while (await this.#readOn(source, running.signal)) {
        if (Date.now() < pauseAt) continue;
        this.isPaused = true;
        break;
      }
      this.problem = null;
    } catch (error) {
      if (running.signal.aborted) return;
      this.problem = toAdminProblem(error);
      if (this.problem.isPassing) this.#retry = setTimeout(() => void this.#search(), RETRY_MS);
    } finally {
      if (this.#running === running) this.isLoading = false;
    }
  }

  /** True while there is more to look at for this page. */
  async #readOn(source: RecordSource<Row>, signal: AbortSignal): Promise<boolean> {
    const { rows: before, next: from } = this.#rest;
    const read = await source.read(this.#bounds(from, PAGE_ROWS - before.length), signal);
    signal.throwIfAborted();
    const rows = [...before, ...read.rows];
    const isWhole = rows.length >= PAGE_ROWS || read.next === null;
    if (isWhole && rows.length < PAGE_ROWS && this.#place.at === 'after') {
      // There are fewer newer ones than a page has: the newest page it is, whole.
      this.#place = { at: 'newest' };
      this.#rest = { rows: [], next: null };
      return true;
    }
    this.#rest = { rows, next: read.next };
    this.readAt = Date.now();
    this.page = this.#toPage(source, rows, read.next);
    if (isWhole) return false;
    this.searchedTo = await source.timeAt(this.#bounds(read.next, 1), signal);
    signal.throwIfAborted();
    return true;
  }

  #bounds(cursor: string | null, limit: number): RecordBounds {
    const isUp = this.#place.at === 'after';
    const bound = cursor === null ? {} : isUp ? { after: cursor } : { before: cursor };
    return { order: isUp ? 'asc' : 'desc', ...bound, limit };
  }

  #toPage(source: RecordSource<Row>, rows: readonly Row[], next: string | null): RecordPage<Row> {
    const place = this.#place;
    const first = rows[0];
    const behind = first === undefined ? (place.at === 'newest' ? null : place.cursor) : source.cursorOf(first);
    if (place.at === 'after') return { rows: rows.toReversed(), newer: next, older: behind };
    return { rows, newer: place.at === 'newest' ? null : behind, older: next };
  }
}
