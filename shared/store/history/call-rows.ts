import { matchesClauses } from './criteria.ts';
import { type Range, rangeBehind, startOf } from './ranges.ts';
import { ask, type HistoryRow, isFull, loadTwoWay, type Reading, type Stop, toEntry } from './reading.ts';

const SELECT_CALLS = loadTwoWay('select-history-of-calls');

/** A call has few rows, and events has an index over them. */
const STEP_ROWS = 500;

export async function readCalls(reading: Reading, range: Range): Promise<Stop> {
  const { criteria, newestFirst, left } = reading;
  let rest = range;
  while (!isFull(reading) && rest.from <= rest.to) {
    if (left.rows <= 0) return startOf(rest, newestFirst);
    const limit = Math.min(left.rows, STEP_ROWS);
    const where = [criteria.channel, rest.epoch, rest.from, rest.to, criteria.from, criteria.to];
    const rows = await ask<HistoryRow>(reading, SELECT_CALLS, [...where, criteria.calls, limit]);
    left.rows -= rows.length;
    for (const row of rows) {
      const entry = toEntry(criteria, row);
      if (!isFull(reading) && matchesClauses(criteria, entry)) reading.entries.push(entry);
    }
    const last = rows.at(-1);
    if (!last || rows.length < limit) return null;
    rest = rangeBehind(rest, last.seq, newestFirst);
  }
  return null;
}
