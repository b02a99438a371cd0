import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from '../problem-error.ts';
import { csvLine } from '../records/csv.ts';
import type { Export } from './export.ts';
import type { HistoryKind } from './history-kind.ts';

/**
 * One row a line, as the page of JSON has it. The last line says that it is complete, or what went wrong and where to go
 * on, so that a file that ends early can be told from one that is short.
 */
export async function* toNdjson<Row>(
  rows: Export<Row>,
  { toJson }: HistoryKind<Row>,
): AsyncGenerator<string, void, undefined> {
  try {
    for await (const page of rows.pages()) {
      if (page.length > 0) yield page.map(row => `${toJson(row)}\n`).join('');
    }
  } catch (error) {
    const told =
      error instanceof ProblemError ? error.problem : problem('internal', 'the relay failed; its log says why');
    yield `${JSON.stringify({ error: told, rows: rows.count, next: rows.last })}\n`;
    if (error instanceof ProblemError) return;
    throw error;
  }
  const end = rows.next === null ? { complete: true } : { complete: false };
  yield `${JSON.stringify({ ...end, rows: rows.count, ...(rows.next === null ? {} : { next: rows.next }) })}\n`;
}

/** A header and one row a line. What breaks it breaks the connection: CSV has no place for an error. */
export async function* toCsv<Row>(
  rows: Export<Row>,
  { columns }: HistoryKind<Row>,
): AsyncGenerator<string, void, undefined> {
  yield csvLine(columns.map(({ name }) => name));
  for await (const page of rows.pages()) {
    if (page.length > 0) yield page.map(row => csvLine(columns.map(({ value }) => value(row)))).join('');
  }
}
