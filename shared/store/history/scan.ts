import { type Criteria, matchesClauses } from './criteria.ts';
import { type Range, rangeBehind, startOf } from './ranges.ts';
import { ask, type HistoryRow, isFull, loadTwoWay, type Reading, type Stop, toEntry } from './reading.ts';

const SELECT_HISTORY = loadTwoWay('select-history');

/** Rows looked at in one statement when most of them are not what is asked for: as many as wait for a segment. */
const STEP_ROWS = 2_000;

/** Looks at every row of the range: where nothing is asked for but the order, and where the index has not got to yet. */
export async function scan(reading: Reading, range: Range): Promise<Stop> {
  const { criteria, newestFirst, left } = reading;
  let minRows = criteria.clauses.length > 0 ? STEP_ROWS : 0;
  let rest = range;
  while (!isFull(reading) && rest.from <= rest.to) {
    if (left.rows <= 0) return startOf(rest, newestFirst);
    const needed = reading.wanted - reading.entries.length;
    const limit = Math.min(left.rows, Math.max(needed, minRows));
    const rows = await selectRows(reading, rest, limit);
    left.rows -= rows.length;
    for (const row of rows) {
      if (row.body === null) continue;
      const entry = toEntry(criteria, { ...row, body: row.body });
      if (!isFull(reading) && matchesClauses(criteria, entry)) reading.entries.push(entry);
    }
    const last = rows.at(-1);
    if (!last || rows.length < limit) return null;
    rest = rangeBehind(rest, last.seq, newestFirst);
    minRows = STEP_ROWS;
  }
  return null;
}

type ScannedRow = Omit<HistoryRow, 'body'> & { body: string | null };

function selectRows(reading: Reading, { epoch, from, to }: Range, limit: number): Promise<ScannedRow[]> {
  const { criteria } = reading;
  const [dns, scope] = valuesOf(criteria, 'dn');
  const [events] = valuesOf(criteria, 'event');
  const where = [criteria.channel, epoch, from, to, criteria.from, criteria.to];
  return ask<ScannedRow>(reading, SELECT_HISTORY, [...where, dns ?? null, scope ?? null, events ?? null, limit]);
}

function valuesOf({ clauses }: Criteria, kind: 'dn' | 'event'): (readonly string[])[] {
  return clauses.filter(clause => clause.kind === kind).map(({ values }) => values);
}
