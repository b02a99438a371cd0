import pg from 'pg';
import type { CdrCall, CdrEnd, CdrSegment } from '../cdr.ts';
import type { Statement } from './database-cursor.ts';
import type { PbxTable } from './pbx-tables.ts';
import { ROW_ADDRESS } from './record-pages.ts';

/**
 * One statement for both layouts of the call detail records: for each thing that is wanted the columns that may hold
 * it. Real V20 databases have all columns of `cdroutput` (3cx.md §3.2); of `cdr_output`, which only the specification
 * names, `start_time` is certain and the rest a guess. What no column holds is null.
 */
const ONE_OF = {
  cdrId: ['cdr_id', 'id'],
  callHistoryId: ['call_history_id', 'call_id', 'callid'],
  startedAt: ['cdr_started_at', 'start_time'],
  answeredAt: ['cdr_answered_at', 'answer_time', 'answered_at'],
  endedAt: ['cdr_ended_at', 'end_time', 'ended_at'],
} as const;

/** The first that is not empty counts. */
const FIRST_OF = {
  mainCallHistoryId: ['main_call_history_id'],
  creationMethod: ['creation_method'],
  creationForwardReason: ['creation_forward_reason'],
  terminationReason: ['termination_reason'],
  terminationReasonDetails: ['termination_reason_details', 'result', 'status'],
  direction: ['direction'],
  sourceEntityType: ['source_entity_type', 'source_type'],
  sourceDn: ['source_dn_number', 'source_dn'],
  sourceName: ['source_participant_name', 'source_name', 'source_dn_name'],
  sourceNumber: ['source_participant_phone_number', 'source_number'],
  destinationEntityType: ['destination_entity_type', 'destination_type'],
  destinationDn: ['destination_dn_number', 'destination_dn'],
  destinationName: ['destination_participant_name', 'destination_name', 'destination_dn_name'],
  destinationNumber: ['destination_participant_phone_number', 'destination_number'],
  sourceDid: ['source_participant_trunk_did', 'did'],
  destinationDid: ['destination_participant_trunk_did'],
} as const;

type TextField = keyof typeof FIRST_OF;
export type CdrRow = Readonly<
  Record<TextField, string | null> & {
    cdrId: string;
    callHistoryId: string;
    startedAt: number;
    answeredAt: number | null;
    endedAt: number | null;
  }
>;

/** The table in the terms of `CdrRow`. */
export interface CdrColumns {
  readonly from: string;
  readonly startedAt: string;
  /** What tells a row from every other one. */
  readonly row: string;
  readonly call: string;
  readonly fields: readonly string[];
  /** Columns that name extensions, and those that name telephone numbers. */
  readonly dns: readonly string[];
  readonly numbers: readonly string[];
}

/** Null when the table has no column for the time. */
export function columnsOf(table: PbxTable): CdrColumns | null {
  const columns = new Set(table.columns);
  const pick = (names: readonly string[]) => names.find(name => columns.has(name));
  const started = pick(ONE_OF.startedAt);
  if (started === undefined) return null;
  const id = pick(ONE_OF.cdrId);
  const row = id === undefined ? ROW_ADDRESS : quoted(id);
  const call = quotedOr(pick(ONE_OF.callHistoryId), `${row}::text`);
  const startedAt = quoted(started);
  const fields = [
    `(${row})::text AS "cdrId"`,
    `(${call})::text AS "callHistoryId"`,
    `${millis(startedAt)} AS "startedAt"`,
    `${millis(quotedOr(pick(ONE_OF.answeredAt), 'NULL::timestamptz'))} AS "answeredAt"`,
    `${millis(quotedOr(pick(ONE_OF.endedAt), 'NULL::timestamptz'))} AS "endedAt"`,
    ...Object.entries(FIRST_OF).map(
      ([field, names]) => `${firstOf(names.filter(name => columns.has(name)))} AS "${field}"`,
    ),
  ];
  const columnsFor = (names: readonly TextField[]) =>
    names.flatMap(name => FIRST_OF[name].filter(column => columns.has(column)).map(quoted));
  return {
    ...{ from: `${quoted(table.schema)}.${quoted(table.name)}`, startedAt, row, call, fields },
    dns: columnsFor(['sourceDn', 'destinationDn']),
    numbers: columnsFor(['sourceNumber', 'destinationNumber', 'sourceDid', 'destinationDid']),
  };
}

/** Null when the table has no column for the time. */
export function selectCalls(
  table: PbxTable,
  window: { spanFromMs: number; fromMs: number; toMs: number },
): Statement | null {
  const columns = columnsOf(table);
  if (!columns) return null;
  const { from, startedAt: at, call, fields } = columns;
  // The window of a call is the one in which its first segment of the whole span lies: it is read once, and whole.
  const text = `
    WITH chain AS (
      SELECT ${call} AS call_key, min(${at}) AS first_started_at
      FROM ${from}
      WHERE ${call} IN (SELECT ${call} FROM ${from} WHERE ${at} >= ${instant(2)} AND ${at} < ${instant(3)})
      GROUP BY 1
      HAVING min(${at}) FILTER (WHERE ${at} >= ${instant(1)}) >= ${instant(2)}
    ), segment AS (
      SELECT ${call} AS call_key, ${at} AS started_at, ${fields.join(', ')}
      FROM ${from}
      WHERE ${call} IN (SELECT call_key FROM chain)
    )
    SELECT segment.* FROM chain JOIN segment USING (call_key)
    ORDER BY chain.first_started_at, call_key, segment.started_at, segment."cdrId"`;
  return { text, values: [window.spanFromMs, window.fromMs, window.toMs] };
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

function quotedOr(name: string | undefined, otherwise: string): string {
  return name === undefined ? otherwise : quoted(name);
}

function firstOf(names: readonly string[]): string {
  if (names.length === 0) return 'NULL::text';
  return `COALESCE(${names.map(name => `NULLIF(${quoted(name)}::text, '')`).join(', ')})`;
}

/** Whole ms, cut off: a time must not lie after the end of the span that found it. */
function millis(column: string): string {
  return `floor(extract(epoch FROM ${column}) * 1000)::float8`;
}

/** The session's zone is UTC, so a column without a zone is UTC, too. */
function instant(n: number): string {
  return `to_timestamp($${n}::float8 / 1000)`;
}

export function toSegment(row: CdrRow): CdrSegment {
  const direction = row.direction?.toLowerCase();
  return {
    cdrId: row.cdrId,
    startedAt: row.startedAt,
    answeredAt: row.answeredAt,
    endedAt: row.endedAt,
    source: toEnd(row, 'source', direction === 'inbound'),
    destination: toEnd(row, 'destination', direction === 'outbound'),
    creationMethod: row.creationMethod,
    creationForwardReason: row.creationForwardReason,
    terminationReason: row.terminationReason,
    terminationReasonDetails: row.terminationReasonDetails,
  };
}

function toEnd(row: CdrRow, side: 'source' | 'destination', isOutside: boolean): CdrEnd {
  const dn = row[`${side}Dn`];
  const number = row[`${side}Number`];
  return {
    entityType: row[`${side}EntityType`] ?? (isOutside ? 'external_line' : null),
    dn,
    name: row[`${side}Name`],
    // Of an extension the number is its DN once more.
    number: number === dn ? null : number,
    did: row[`${side}Did`],
  };
}

export type OpenCall = {
  callHistoryId: string;
  mainCallHistoryId: string | null;
  segments: CdrSegment[];
  rows: number;
};

/** Adds a row to the call it belongs to; hands back the call that is complete when the row begins another one. */
export function addRow(
  open: OpenCall | null,
  row: CdrRow,
  maxSegments: number,
): { open: OpenCall; done: CdrCall | null } {
  if (open?.callHistoryId === row.callHistoryId) {
    open.rows += 1;
    if (open.rows <= maxSegments) open.segments.push(toSegment(row));
    return { open, done: null };
  }
  const { callHistoryId, mainCallHistoryId } = row;
  return {
    open: { callHistoryId, mainCallHistoryId, segments: [toSegment(row)], rows: 1 },
    done: open && toCall(open),
  };
}

export function toCall({ callHistoryId, mainCallHistoryId, segments, rows }: OpenCall): CdrCall {
  return { callHistoryId, mainCallHistoryId, segments, isTruncated: rows > segments.length };
}
