import { type CdrRow, columnsOf } from './cdr-layouts.ts';
import type { Statement } from './database-cursor.ts';
import type { PbxTable } from './pbx-tables.ts';
import { type KeysetRow, type RecordRange, selectPage } from './record-pages.ts';

export type SegmentRow = CdrRow & KeysetRow;

/** Rows as they stand, one by one, where `selectCalls` puts calls together. Null when the table has no column for the time. */
export function selectSegments(table: PbxTable, range: RecordRange): Statement | null {
  const columns = columnsOf(table);
  return columns && selectPage(range, columns);
}
