import { loadSql } from '../sql.ts';
import { type Criteria, matchesClauses } from './criteria.ts';
import {
  type HistoryRow,
  inDirection,
  isFull,
  type Reading,
  type Span,
  type Stop,
  spanBehind,
  toEntry,
} from './reading.ts';

const SELECT_HISTORY = loadSql('select-history');

/** Rows looked at in one statement when most of them are not what is asked for. */
const STEP_ROWS = 1_000;

/** Looks at every row of the span: where nothing is asked for but the order, and where the index has not got to yet. */
export async function scan(reading: Reading, span: Span): Promise<Stop> {
  const { criteria, newestFirst, left } = reading;
  const isSelective = criteria.clauses.length > 0;
  let rest = span;
  while (!isFull(reading)) {
    if (left.rows <= 0) return newestFirst ? rest.before : rest.after;
    const needed = reading.wanted - reading.entries.length;
    const limit = Math.min(left.rows, isSelective ? Math.max(needed, STEP_ROWS) : needed);
    const rows = await selectRows(reading, rest, limit);
    left.rows -= rows.length;
    for (const row of rows) {
      if (row.body === null) continue;
      const entry = toEntry(criteria, { ...row, body: row.body });
      if (!isFull(reading) && matchesClauses(criteria, entry)) reading.entries.push(entry);
    }
    const last = rows.at(-1);
    if (!last || rows.length < limit) return null;
    rest = spanBehind(rest, { epoch: last.epoch, seq: last.seq }, newestFirst);
  }
  return null;
}

type ScannedRow = Omit<HistoryRow, 'body'> & { body: string | null };

async function selectRows(reading: Reading, { after, before }: Span, limit: number): Promise<ScannedRow[]> {
  const { criteria, newestFirst } = reading;
  const [dns, scope] = valuesOf(criteria, 'dn');
  const [events] = valuesOf(criteria, 'event');
  const { rows } = await reading.pool.query<ScannedRow>(inDirection(SELECT_HISTORY, newestFirst), [
    criteria.channel,
    after.epoch,
    after.seq,
    before.epoch,
    before.seq,
    criteria.from,
    criteria.to,
    dns ?? null,
    scope ?? null,
    events ?? null,
    limit,
  ]);
  return rows;
}

function valuesOf({ clauses }: Criteria, kind: 'dn' | 'event'): (readonly string[])[] {
  return clauses.filter(clause => clause.kind === kind).map(({ values }) => values);
}
