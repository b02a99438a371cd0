import type { RecordCursor, RecordReader } from '@3cx-relay/shared/jobs/record-page.ts';
import type { CdrSegment, RecordedSegment } from '../cdr.ts';
import { viewQuery } from './call-history.ts';
import { callLogPath, parseCallLogRow } from './call-log.ts';
import type { CallLogReader } from './call-log-reader.ts';
import { parseHistoryViewRow } from './history-view.ts';
import type { ODataRow } from './odata-fields.ts';
import { XapiError } from './xapi-error.ts';

/**
 * One page of segments from XAPI, in order of their start.
 *
 * XAPI hands rows over in an order of its own and cannot be asked for those behind a certain one. So time is taken in
 * windows, each of which is read whole, put in order, and cut where the page is full; the cursor names the row, and the
 * window that suited. Windows grow while they are nearly empty and shrink when they hold too much.
 */
export interface WindowedRange {
  /** Unix ms, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly cursor: RecordCursor | null;
  readonly matches: (segment: CdrSegment) => boolean;
}

export interface SegmentPage {
  readonly rows: readonly RecordedSegment[];
  readonly next: RecordCursor | null;
}

export type XapiReader = Exclude<RecordReader, 'database'>;

export interface WindowDeps {
  readonly reader: CallLogReader;
  readonly now: () => number;
}

const FIRST_WINDOW_MS = 6 * 3_600_000;
const MIN_WINDOW_MS = 60_000;
const MAX_WINDOW_MS = 7 * 86_400_000;
/** Rows of one window, which are held in memory; a hundred of them are one request. */
const MAX_ROWS = 2_000;
const FEW_ROWS = 200;
/** A page that took so long is handed over as it is, even empty: somebody waits for it. */
const ENOUGH_MS = 5_000;

export async function readSegmentPage(
  source: XapiReader,
  range: WindowedRange,
  { reader, now }: WindowDeps,
): Promise<SegmentPage> {
  const startedAt = now();
  let after = range.cursor;
  let windowMs = after?.windowMs ?? FIRST_WINDOW_MS;
  let fromMs = Math.max(range.fromMs, after ? Math.floor(after.at / 1_000) : 0);
  const rows: RecordedSegment[] = [];
  while (fromMs <= range.toMs) {
    const toMs = Math.min(fromMs + windowMs - 1, range.toMs);
    const held = await readWindow(reader, source, { fromMs, toMs });
    if (!held) {
      if (windowMs <= MIN_WINDOW_MS) throw tooMany(fromMs, toMs);
      windowMs = Math.max(MIN_WINDOW_MS, Math.floor(windowMs / 4));
      continue;
    }
    for (const row of held) {
      if (!isBehind(row.segment, after) || !range.matches(row.segment)) continue;
      const last = rows.at(-1);
      if (rows.length === range.limit && last) return { rows, next: cursorBehind(source, last.segment, windowMs) };
      rows.push(row);
    }
    fromMs = toMs + 1;
    after = null;
    if (held.length < FEW_ROWS) windowMs = Math.min(MAX_WINDOW_MS, windowMs * 2);
    if (fromMs <= range.toMs && now() - startedAt > ENOUGH_MS) {
      return { rows, next: { reader: source, at: fromMs * 1_000, key: '', windowMs } };
    }
  }
  return { rows, next: null };
}

/** In order of start and id, each once: pages of XAPI shift while they are read. Null when there are too many. */
async function readWindow(
  reader: CallLogReader,
  source: XapiReader,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<RecordedSegment[] | null> {
  const rows = new Map<string, RecordedSegment>();
  const [path, query] =
    source === 'view'
      ? ['CallHistoryView', viewQuery(fromMs, toMs)]
      : [callLogPath(fromMs, toMs), { $orderby: 'StartTime asc' }];
  const parse: (row: ODataRow) => RecordedSegment | null = source === 'view' ? parseHistoryViewRow : parseCallLogRow;
  let seen = 0;
  for await (const page of reader.pages(path, query)) {
    seen += page.length;
    if (seen > MAX_ROWS) return null;
    for (const row of page) {
      const parsed = parse(row);
      // XAPI cuts times to the second, and the view may ignore its filter.
      const isInside = parsed && parsed.segment.startedAt >= fromMs && parsed.segment.startedAt <= toMs;
      if (isInside) rows.set(parsed.segment.cdrId, parsed);
    }
  }
  return [...rows.values()].sort(
    ({ segment: a }, { segment: b }) => a.startedAt - b.startedAt || (a.cdrId < b.cdrId ? -1 : 1),
  );
}

function isBehind({ startedAt, cdrId }: CdrSegment, after: RecordCursor | null): boolean {
  if (!after) return true;
  const at = startedAt * 1_000;
  return at > after.at || (at === after.at && cdrId > after.key);
}

function cursorBehind(reader: XapiReader, { startedAt, cdrId }: CdrSegment, windowMs: number): RecordCursor {
  return { reader, at: startedAt * 1_000, key: cdrId, windowMs };
}

function tooMany(fromMs: number, toMs: number): XapiError {
  const span = `from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`;
  return new XapiError(
    'PBX_ANSWER_TOO_LARGE',
    `XAPI has more than ${MAX_ROWS} call records ${span}, or does not read the span it is asked for: read them from the PBX's database`,
  );
}
