import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { RouterContext } from '@koa/router';
import type { LiveKeys } from '../../keys/live-keys.ts';
import { auditExport } from '../export-audit.ts';
import { ProblemError } from '../problem-error.ts';
import type { Places } from '../records/places.ts';
import { keyOf, type RelayState } from '../require-permission.ts';
import { streamAnswer } from '../stream-answer.ts';
import { untilKeyEnds } from '../until-key-ends.ts';
import { type Export, startExport } from './export.ts';
import { toCsv, toNdjson } from './export-lines.ts';
import type { HistoryKind, ReadHistory } from './history-kind.ts';
import type { CommonQuery, HistoryFormat } from './history-query.ts';
import { toParquet } from './parquet.ts';

type ExportFormat = Exclude<HistoryFormat, 'json'>;

export interface HistoryDeps {
  readonly liveKeys: LiveKeys;
  readonly audit: AuditLog;
  readonly exports: Places;
}

export interface HistoryOptions {
  readonly maxExports: number;
  readonly stallMs: number;
}

/** What the query asks for, and what of it the audit keeps. */
export interface Asked<Row> {
  readonly kind: HistoryKind<Row>;
  /** Name of the rows in a page of JSON. */
  readonly rows: 'calls' | 'events' | 'entries';
  readonly read: ReadHistory<Row>;
  readonly query: CommonQuery;
  readonly filters: Readonly<Record<string, unknown>>;
}

const CONTENT_TYPE: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

/** A page of JSON, or an export of everything that the query asks for. */
export async function answerHistory<Row>(
  context: RouterContext<RelayState>,
  asked: Asked<Row>,
  deps: HistoryDeps,
  options: HistoryOptions,
): Promise<void> {
  const { query, kind } = asked;
  if (query.format !== 'json') return answerExport(context, asked, { deps, options, format: query.format });
  const { rows, next } = await untilKeyEnds(deps.liveKeys, keyOf(context.state), () =>
    asked.read({ ...query, limit: query.limit ?? 1 }),
  );
  context.type = 'application/json';
  context.set('cache-control', 'no-store');
  // Rows are JSON already: an event's body is put in as it stands.
  const end = JSON.stringify({ next, more: next !== null });
  context.body = `{"${asked.rows}":[${rows.map(kind.toJson).join(',')}],${end.slice(1)}`;
}

async function answerExport<Row>(
  context: RouterContext<RelayState>,
  asked: Asked<Row>,
  { deps, options, format }: { deps: HistoryDeps; options: HistoryOptions; format: ExportFormat },
): Promise<void> {
  const leave = deps.exports.enter();
  if (!leave) throw tooMany(options.maxExports);
  try {
    const { kind, query } = asked;
    const { format: _format, order: _order, ...filters } = asked.filters;
    const details = { format, query: filters };
    const tell = auditExport(context, deps.audit, {
      ...{ action: 'history.export', target: `history:${kind.name}`, details },
    });
    const rows = await untilKeyEnds(deps.liveKeys, keyOf(context.state), () =>
      startExport({ read: asked.read, cursorOf: kind.cursorOf, bounds: query, limit: query.limit }),
    );
    tell('begun', {});
    streamAnswer(context, deps.liveKeys, {
      name: `${kind.name}_${fileTime(new Date())}.${format}`,
      contentType: CONTENT_TYPE[format],
      chunks: toChunks(format, rows, kind),
      stallMs: options.stallMs,
      isReading: () => rows.isReading,
      onClose: isWhole => {
        leave();
        tell(isWhole ? 'done' : 'cut_off', { rows: rows.count, last: rows.last, next: rows.next });
      },
    });
  } catch (error) {
    leave();
    throw error;
  }
}

function toChunks<Row>(
  format: ExportFormat,
  rows: Export<Row>,
  kind: HistoryKind<Row>,
): AsyncIterable<string | Buffer> {
  if (format === 'csv') return toCsv(rows, kind);
  if (format === 'ndjson') return toNdjson(rows, kind);
  return toParquet(rows.pages(), kind.columns, () => ({
    rows: String(rows.count),
    complete: String(rows.next === null),
    ...(rows.next === null ? {} : { next: rows.next }),
  }));
}

function tooMany(maxExports: number): ProblemError {
  return new ProblemError(
    'too_many_exports',
    `${maxExports} exports are under way (RELAY_MAX_EXPORTS): try again when one is through`,
  );
}

/** Without what a file system does not take. */
function fileTime(at: Date): string {
  return at.toISOString().replace(/[-:]|\.\d+/g, '');
}
