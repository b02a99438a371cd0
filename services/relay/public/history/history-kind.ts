import type { CsvValue } from '../records/csv.ts';

/** A column of an export. Its type is what a Parquet file declares; CSV and NDJSON write what `value` says. */
export interface Column<Row> {
  readonly name: string;
  readonly type: 'text' | 'integer' | 'number' | 'time' | 'json';
  /** Of a time: ISO 8601. Of json: its text. */
  readonly value: (row: Row) => CsvValue;
}

/** Which part of the rows: behind `after`, before `before`, and from which end. */
export interface PageBounds {
  readonly after: string | null;
  readonly before: string | null;
  readonly newestFirst: boolean;
  readonly limit: number;
}

export interface HistoryPage<Row> {
  readonly rows: readonly Row[];
  /** Goes on in the same direction; null behind the last row. A short page, even an empty one, may have one. */
  readonly next: string | null;
}

/** What one route of history differs in from the others. */
export interface HistoryKind<Row> {
  /** Of the route and of the file. */
  readonly name: 'calls' | 'events' | 'audit';
  readonly columns: readonly Column<Row>[];
  /** As it stands in JSON and NDJSON. */
  readonly toJson: (row: Row) => string;
  readonly cursorOf: (row: Row) => string;
}

/** The rows that one request asks for. @throws ProblemError for a cursor that the route never handed out */
export type ReadHistory<Row> = (bounds: PageBounds) => Promise<HistoryPage<Row>>;
