import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from '../problem-error.ts';
import { csvLine } from './csv.ts';
import { formatCursor } from './record-cursor.ts';
import type { RecordKind, RecordPage } from './record-kinds.ts';

/** All pages of an answer, each asked for when the one before was taken. */
export type RecordPages<Record> = AsyncIterable<RecordPage<Record>>;

/**
 * One record a line. The last line says that it is complete, or what went wrong and where to go on, so that a file that
 * ends early can be told from one that is short.
 */
export async function* toNdjson<Record>(pages: RecordPages<Record>): AsyncGenerator<string, void, undefined> {
  let records = 0;
  let last: RecordPage<Record> | null = null;
  try {
    for await (const page of pages) {
      if (page.records.length > 0) yield page.records.map(record => `${JSON.stringify(record)}\n`).join('');
      records += page.records.length;
      last = page;
    }
  } catch (error) {
    const told =
      error instanceof ProblemError ? error.problem : problem('internal', 'the relay failed; its log says why');
    yield `${JSON.stringify({ error: told, records, next: formatCursor(last?.next ?? null) })}\n`;
    if (error instanceof ProblemError) return;
    throw error;
  }
  yield `${JSON.stringify({ complete: true, source: last?.source, records })}\n`;
}

/** A header and one record a line. What breaks it breaks the connection: CSV has no place for an error. */
export async function* toCsv<Record>(
  pages: RecordPages<Record>,
  { columns }: Pick<RecordKind<Record>, 'columns'>,
): AsyncGenerator<string, void, undefined> {
  yield csvLine(columns.map(([name]) => name));
  for await (const page of pages) {
    if (page.records.length === 0) continue;
    yield page.records.map(record => csvLine(columns.map(([, value]) => value(record)))).join('');
  }
}
