import type { CdrCall } from '../cdr.ts';
import { type CallLogSegment, callLogPath, parseCallLogRow, toCalls } from './call-log.ts';
import type { ODataRow } from './odata-fields.ts';
import type { ODataQuery } from './odata-pages.ts';
import { XapiError } from './xapi-error.ts';

/**
 * The calls of a span from the call log. Its rows come by their own start and not by call, so the span is read in
 * windows, each with some time around it: a call whose segments lie on both sides of an edge is handed over once, by the
 * window in which its first segment of the span lies, and whole as long as it is no longer than the margin.
 */
export interface CallLogReader {
  pages(path: string, query?: ODataQuery): AsyncIterable<readonly ODataRow[]>;
}

export interface CallLogLimits {
  readonly maxSegments: number;
  /** Rows of one window, which are held in memory until it is read. */
  readonly maxRows: number;
}

const WINDOW_MS = 6 * 3_600_000;
const MARGIN_MS = 3_600_000;

export async function* readCallLog(
  reader: CallLogReader,
  span: { fromMs: number; toMs: number },
  limits: CallLogLimits,
): AsyncGenerator<CdrCall, void, undefined> {
  for (let start = span.fromMs; start <= span.toMs; start += WINDOW_MS) {
    const end = Math.min(start + WINDOW_MS, span.toMs + 1);
    const rows = await readRows(reader, { fromMs: start - MARGIN_MS, toMs: end + MARGIN_MS }, limits);
    for (const call of toCalls(rows, limits)) {
      const first = call.segments.find(segment => segment.startedAt >= span.fromMs);
      if (first && first.startedAt >= start && first.startedAt < end) yield call;
    }
  }
}

async function readRows(
  reader: CallLogReader,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { maxRows }: CallLogLimits,
): Promise<CallLogSegment[]> {
  const rows: CallLogSegment[] = [];
  for await (const page of reader.pages(callLogPath(fromMs, toMs), { $orderby: 'StartTime asc' })) {
    for (const row of page) {
      const parsed = parseCallLogRow(row);
      if (parsed) rows.push(parsed);
    }
    if (rows.length > maxRows) {
      throw new XapiError(
        'PBX_ANSWER_TOO_LARGE',
        `the call log of the PBX has more than ${maxRows} rows from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}: read it from the PBX's database`,
      );
    }
  }
  return rows;
}
