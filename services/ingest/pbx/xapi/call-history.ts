import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { callLogPath } from './call-log.ts';
import { booleanOf, instantOf, isRow, type ODataRow, textOf, toODataInstant } from './odata-fields.ts';
import type { ODataQuery } from './odata-pages.ts';

/**
 * The call history as XAPI shows it, from whichever of its two sources is alive.
 *
 * `CallHistoryView` is what is documented; since U6 it reads tables that nobody fills any more (3cx.md C10), and on some
 * systems it fails or hangs. So it is asked once for anything as new as the newest call detail record; when it has
 * nothing, or does not answer, `ReportCallLogData` takes its place. The decision holds for some minutes.
 */
export type CallHistorySource = 'CallHistoryView' | 'ReportCallLogData';

export interface CallHistoryRow {
  readonly source: CallHistorySource;
  readonly callHistoryId: string | null;
  readonly startedAt: number | null;
  readonly isAnswered: boolean | null;
  /** The PBX's own row. */
  readonly row: ODataRow;
}

export interface CallHistoryDeps {
  /** Asks once, briefly, and without an effect on the circuit. */
  readonly probe: (path: string, query?: ODataQuery) => Promise<unknown>;
  readonly pages: (path: string, query?: ODataQuery) => AsyncIterable<readonly ODataRow[]>;
  readonly onDecision: (source: CallHistorySource, why: string) => void;
  readonly now: () => number;
}

const REMEMBERED_MS = 5 * 60_000;
/** A record appears in the two at somewhat different times. */
const TOLERANCE_MS = 15 * 60_000;

export class CallHistory {
  readonly #deps: CallHistoryDeps;
  #decision: { source: CallHistorySource; until: number } | null = null;

  constructor(deps: CallHistoryDeps) {
    this.#deps = deps;
  }

  async *read(fromMs: number, toMs: number): AsyncGenerator<CallHistoryRow, void, undefined> {
    const source = await this.source();
    const [path, query] =
      source === 'CallHistoryView'
        ? ['CallHistoryView', viewQuery(fromMs, toMs)]
        : [callLogPath(fromMs, toMs), { $orderby: 'StartTime asc' }];
    for await (const page of this.#deps.pages(path, query)) {
      for (const row of page) {
        const read = toHistoryRow(source, row);
        // The view may ignore its filter.
        const isInside = read.startedAt === null || (read.startedAt >= fromMs && read.startedAt <= toMs);
        if (isInside) yield read;
      }
    }
  }

  /** Which of the two is alive. */
  async source(): Promise<CallHistorySource> {
    const { now, onDecision } = this.#deps;
    if (this.#decision && now() < this.#decision.until) return this.#decision.source;
    const { source, why } = await this.#compare();
    if (source !== this.#decision?.source) onDecision(source, why);
    this.#decision = { source, until: now() + REMEMBERED_MS };
    return source;
  }

  async #compare(): Promise<{ source: CallHistorySource; why: string }> {
    const newest = await this.#newestRecord();
    const since = newest === null ? null : newest - TOLERANCE_MS;
    try {
      const query = since === null ? {} : { $filter: `SegmentStartTime ge ${toODataInstant(since)}` };
      const row = firstRow(await this.#deps.probe('CallHistoryView', { ...query, $top: 1 }));
      if (since === null) return { source: 'CallHistoryView', why: 'there is nothing to compare it with' };
      const startedAt = row ? instantOf(row, 'SegmentStartTime') : null;
      return startedAt !== null && startedAt >= since
        ? { source: 'CallHistoryView', why: 'it holds the newest calls' }
        : { source: 'ReportCallLogData', why: 'CallHistoryView has no new calls, as on every V20 since U6' };
    } catch (error) {
      return { source: 'ReportCallLogData', why: `CallHistoryView does not answer: ${messageOf(error)}` };
    }
  }

  /** When the newest call began, by the probe that is made for this or by the call log; null when neither may be asked. */
  async #newestRecord(): Promise<number | null> {
    const { probe, now } = this.#deps;
    const last = await probe('LastCdrAndChatMessageTimestamp').catch(() => null);
    const told = firstRow(last) ?? (isRow(last) ? last : null);
    const startedAt = told && instantOf(told, 'LastCdrStartedAt');
    if (startedAt) return startedAt;
    const path = callLogPath(now() - 7 * 86_400_000, now());
    const row = firstRow(await probe(path, { $orderby: 'StartTime desc', $top: 1 }).catch(() => null));
    return row ? instantOf(row, 'StartTime') : null;
  }
}

export function viewQuery(fromMs: number, toMs: number): ODataQuery {
  const filter = `SegmentStartTime ge ${toODataInstant(fromMs)} and SegmentStartTime le ${toODataInstant(toMs + 999)}`;
  return { $filter: filter, $orderby: 'SegmentStartTime asc' };
}

function toHistoryRow(source: CallHistorySource, row: ODataRow): CallHistoryRow {
  const isView = source === 'CallHistoryView';
  return {
    source,
    callHistoryId: isView ? null : textOf(row, 'CallHistoryId'),
    startedAt: instantOf(row, isView ? 'SegmentStartTime' : 'StartTime'),
    isAnswered: booleanOf(row, isView ? 'CallAnswered' : 'Answered'),
    row,
  };
}

function firstRow(answer: unknown): ODataRow | null {
  const list = isRow(answer) ? answer.value : undefined;
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  return isRow(first) ? first : null;
}
