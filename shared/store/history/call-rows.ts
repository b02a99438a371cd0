import { loadSql } from '../sql.ts';
import { matchesClauses } from './criteria.ts';
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

const SELECT_CALLS = loadSql('select-history-of-calls');

/** A call has few rows, and events has an index over them. */
const STEP_ROWS = 500;

export async function readCalls(reading: Reading, span: Span): Promise<Stop> {
  const { criteria, newestFirst, left } = reading;
  let rest = span;
  while (!isFull(reading)) {
    if (left.rows <= 0) return newestFirst ? rest.before : rest.after;
    const limit = Math.min(left.rows, STEP_ROWS);
    const { after, before } = rest;
    const { rows } = await reading.pool.query<HistoryRow>(inDirection(SELECT_CALLS, newestFirst), [
      criteria.channel,
      after.epoch,
      after.seq,
      before.epoch,
      before.seq,
      criteria.from,
      criteria.to,
      criteria.calls,
      limit,
    ]);
    left.rows -= rows.length;
    for (const row of rows) {
      const entry = toEntry(criteria, row);
      if (!isFull(reading) && matchesClauses(criteria, entry)) reading.entries.push(entry);
    }
    const last = rows.at(-1);
    if (!last || rows.length < limit) return null;
    rest = spanBehind(rest, { epoch: last.epoch, seq: last.seq }, newestFirst);
  }
  return null;
}
