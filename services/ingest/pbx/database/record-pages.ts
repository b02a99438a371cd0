import type { Statement } from './database-cursor.ts';

/**
 * Pages of a table of the PBX by keyset: each page begins behind the last row of the one before, whatever is added
 * meanwhile, and costs the same however far in it lies. A cursor of the server would keep a transaction open on somebody
 * else's database for as long as a client takes to read.
 */
export interface RecordRange {
  /** Unix ms, both inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: whoever. */
  readonly dns: readonly string[] | null;
  readonly numbers: readonly string[] | null;
  /** And one of these takes part; undefined: whoever. */
  readonly scopeDns?: readonly string[] | null | undefined;
  readonly limit: number;
  readonly after: Keyset | null;
}

export interface Keyset {
  /** Unix time in microseconds: the PBX's own precision, so that no row is read twice or left out. */
  readonly at: number;
  readonly key: string;
}

export interface KeysetRow {
  readonly atUs: number;
  readonly key: string;
}

export interface DatabasePage<Row> {
  readonly rows: readonly Row[];
  /** Whether there are rows behind these. */
  readonly more: boolean;
}

export interface PagedTable {
  readonly from: string;
  /** Column of the time. */
  readonly startedAt: string;
  /** What tells rows of the same time apart. */
  readonly row: string;
  readonly fields: readonly string[];
  /** Columns that a filter looks at. */
  readonly dns: readonly string[];
  readonly numbers: readonly string[];
}

export function selectPage(range: RecordRange, table: PagedTable): Statement {
  const { from, startedAt: at, row, fields } = table;
  const key = `coalesce((${row})::text, '') COLLATE "C"`;
  const isAny = (columns: readonly string[], n: number) => {
    const any = columns.map(column => `${column}::text = ANY ($${n}::text[])`).join(' OR ');
    return `($${n}::text[] IS NULL OR ${any || 'false'})`;
  };
  // The first bound of the time is redundant behind a cursor and lets an index on the time be used. Without such an
  // index, or statistics, the server sorts all that follows: the fields are made of those rows only that remain.
  const text = `
    SELECT round(extract(epoch FROM ${at}) * 1000000)::float8 AS "atUs", ${key} AS "key", ${fields.join(', ')}
    FROM (
      SELECT *${row === ROW_ADDRESS ? `, ${ROW_ADDRESS}` : ''}
      FROM ${from}
      WHERE ${at} >= ${instant(1)} AND ${at} < ${instant(2)} AND ($3::text IS NULL OR ${at} > ${instant(1)} OR ${key} > $3::text)
        AND ${isAny(table.dns, 4)} AND ${isAny(table.numbers, 5)}
        AND ${isAny(table.dns, 7)}
      ORDER BY ${at}, ${key}
      LIMIT $6
    ) AS page
    ORDER BY ${at}, ${key}`;
  const fromUs = range.fromMs * 1_000;
  const after = range.after && range.after.at >= fromUs ? range.after : null;
  const values = [
    after?.at ?? fromUs,
    (range.toMs + 1) * 1_000,
    after?.key ?? null,
    range.dns,
    range.numbers,
    range.limit + 1,
    range.scopeDns ?? null,
  ];
  return { text, values };
}

/** Where a row lies: for tables without an id. */
export const ROW_ADDRESS = 'ctid';

/** One row more than the limit was asked for: it says that there is more, and is not handed over. */
export function toPage<Row>(rows: readonly Row[], limit: number): DatabasePage<Row> {
  return { rows: rows.slice(0, limit), more: rows.length > limit };
}

/** Exact to the microsecond; `to_timestamp` goes through seconds with a fraction. */
function instant(n: number): string {
  return `('epoch'::timestamptz + $${n}::float8 * interval '1 microsecond')`;
}
