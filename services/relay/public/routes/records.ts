import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type Router from '@koa/router';
import type { RouterContext } from '@koa/router';
import { dnScopeOf } from '../../keys/dn-scope.ts';
import type { LiveKeys } from '../../keys/live-keys.ts';
import { acceptedFormat } from '../accepted-format.ts';
import { auditExport } from '../export-audit.ts';
import { ProblemError } from '../problem-error.ts';
import { createPlaces } from '../records/places.ts';
import { formatCursor, parseCursor } from '../records/record-cursor.ts';
import { AGENT_STATES, CALL_HISTORY, CDR, type RecordKind, type RecordQueue } from '../records/record-kinds.ts';
import { toCsv, toNdjson } from '../records/record-lines.ts';
import { createRecordPageReader, STREAM_PAGE } from '../records/record-pages.ts';
import { parseRecordsQuery, RECORD_FORMATS, type RecordFormat, type RecordsQuery } from '../records/records-query.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';
import { streamAnswer } from '../stream-answer.ts';
import { untilKeyEnds } from '../until-key-ends.ts';

export interface RecordsDeps {
  readonly queue: RecordQueue;
  readonly liveKeys: LiveKeys;
  readonly audit: AuditLog;
}

export interface RecordsOptions {
  /** Requests that read at the same time. */
  readonly maxReads: number;
  readonly maxDays: number;
  /** For one page. */
  readonly timeoutMs: number;
  /** A client that takes nothing for so long gives its place to another one. */
  readonly stallMs: number;
}

const CONTENT_TYPE: Readonly<Record<RecordFormat, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
};

/**
 * `GET /relay/cdr`, `/relay/call-history` and `/relay/agent-states`: what the PBX has on record, as a page of JSON, or
 * all of it in one stream. A stream asks ingest for a page when its client has taken the one before: whatever its length,
 * no more than two pages are in memory, here and there.
 */
export function addRecords(router: Router<RelayState>, deps: RecordsDeps, options: RecordsOptions): void {
  const places = createPlaces(options.maxReads);
  const add = <Record>(kind: RecordKind<Record>) => {
    router.get(`/relay/${kind.name}`, requirePermission('history'), async context => {
      const accepted = acceptedFormat(context, RECORD_FORMATS);
      const { maxDays } = options;
      const query = parseRecordsQuery(context.query, kind.query, { accepted, maxDays, now: Date.now() });
      const leave = places.enter();
      try {
        if (!leave) throw tooMany(options.maxReads);
        await answer(context, kind, { deps, options, query, leave });
      } catch (error) {
        leave?.();
        throw error;
      }
    });
  };
  add(CDR);
  add(CALL_HISTORY);
  add(AGENT_STATES);
}

interface Reading {
  readonly deps: RecordsDeps;
  readonly options: RecordsOptions;
  readonly query: RecordsQuery;
  readonly leave: () => void;
}

async function answer<Record>(
  context: RouterContext<RelayState>,
  kind: RecordKind<Record>,
  { deps, options, query, leave }: Reading,
): Promise<void> {
  const cursor = query.cursor === null ? null : parseCursor(query.cursor, kind.readers);
  const { timeoutMs, stallMs } = options;
  const key = keyOf(context.state);
  const pages = createRecordPageReader(kind, { queue: deps.queue, timeoutMs, scope: dnScopeOf(key) }, query);
  // Before anything is sent: until here an error is a problem document.
  const first = await untilKeyEnds(deps.liveKeys, key, () =>
    pages.read(cursor, query.format === 'json' ? query.limit : STREAM_PAGE),
  );
  const [from, to] = [new Date(query.fromMs).toISOString(), new Date(query.toMs).toISOString()];
  if (query.format === 'json') {
    leave();
    context.set('cache-control', 'no-store');
    context.type = CONTENT_TYPE.json;
    const { source, records, next } = first;
    context.body = JSON.stringify({ from, to, source, records, next: formatCursor(next), more: next !== null });
    return;
  }
  const { dns, numbers } = query;
  const tell = auditExport(context, deps.audit, {
    action: 'records.export',
    target: `records:${kind.name}`,
    details: { format: query.format, query: { from, to, dns, numbers } },
  });
  tell('begun', {});
  streamAnswer(context, deps.liveKeys, {
    name: `${kind.name}_${fileTime(from)}_${fileTime(to)}.${query.format}`,
    contentType: CONTENT_TYPE[query.format],
    chunks: query.format === 'csv' ? toCsv(pages.from(first), kind) : toNdjson(pages.from(first)),
    stallMs,
    isReading: () => pages.isReading,
    onClose: isWhole => {
      leave();
      tell(isWhole ? 'done' : 'cut_off', { records: pages.count });
    },
  });
}

function tooMany(maxReads: number): ProblemError {
  return new ProblemError(
    'too_many_record_reads',
    `${maxReads} requests read records already (RELAY_MAX_RECORD_READS): try again when one is through`,
  );
}

/** Without what a file system does not take. */
function fileTime(iso: string): string {
  return iso.replace(/[-:]|\.\d+/g, '');
}
