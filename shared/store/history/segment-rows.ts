import type { Candidate } from './postings.ts';
import type { Range } from './ranges.ts';
import { ask, type HistoryRow, isFull, loadTwoWay, type Reading, type Stop, type TwoWay, toEntry } from './reading.ts';

const SELECT_OF_SEGMENT = loadTwoWay('select-history-of-segment');
const SELECT_BY_NUMBER = loadTwoWay('select-history-by-number');

/** Numbers asked for at once even when the page needs fewer: some may lie outside the times that are asked for. */
const MIN_NUMBERS = 100;

/** A number that may be asked for, and the times (Unix ms) that its row must lie between. */
interface Wanted {
  readonly seq: number;
  readonly fromAt: number;
  readonly toAt: number;
}

/** Adds the rows of the candidates, which are of one epoch, to the page, in the direction of reading, until it is full. */
export async function readSegments(reading: Reading, candidates: readonly Candidate[], range: Range): Promise<Stop> {
  let waiting: Wanted[] = [];
  let done: Stop = null;
  for (const candidate of candidates) {
    if (isFull(reading)) return null;
    // Only rows outside the times that are asked for come so far, and only where clocks went astray.
    if (reading.left.rows <= 0) break;
    done = endOf(candidate, reading.newestFirst);
    if (candidate.distances === null) {
      await readWhole(reading, candidate, range);
      continue;
    }
    waiting.push(...wantedOf(reading, candidate, range));
    while (!isFull(reading) && waiting.length >= chunkOf(reading)) {
      const chunk = waiting.slice(0, chunkOf(reading));
      waiting = waiting.slice(chunk.length);
      await readNumbers(reading, range.epoch, chunk);
    }
  }
  await readNumbers(reading, range.epoch, waiting);
  const last = candidates.at(-1);
  return last && done !== endOf(last, reading.newestFirst) ? done : null;
}

/** Behind this number, in the direction of reading, the segment has nothing. */
export function endOf({ firstSeq, lastSeq }: Candidate, newestFirst: boolean): number {
  return newestFirst ? firstSeq : lastSeq;
}

function chunkOf({ wanted, entries }: Reading): number {
  return Math.max(MIN_NUMBERS, wanted - entries.length);
}

function wantedOf({ newestFirst, criteria }: Reading, candidate: Candidate, { from, to }: Range): Wanted[] {
  const { firstSeq, distances } = candidate;
  const fromAt = Math.max(criteria.from, Math.floor(candidate.fromAt));
  const toAt = Math.min(criteria.to, Math.ceil(candidate.toAt));
  const numbers = (distances ?? []).map(distance => firstSeq + distance).filter(seq => seq >= from && seq <= to);
  if (newestFirst) numbers.reverse();
  return numbers.map(seq => ({ seq, fromAt, toAt }));
}

async function readNumbers(reading: Reading, epoch: string, wanted: readonly Wanted[]): Promise<void> {
  if (isFull(reading) || wanted.length === 0) return;
  const times = [wanted.map(({ fromAt }) => fromAt), wanted.map(({ toAt }) => toAt)];
  await add(reading, SELECT_BY_NUMBER, [reading.criteria.channel, epoch, wanted.map(({ seq }) => seq), ...times]);
}

async function readWhole(reading: Reading, { epoch, firstSeq, lastSeq }: Candidate, range: Range): Promise<void> {
  const { criteria, wanted, entries } = reading;
  const [from, to] = [Math.max(firstSeq, range.from), Math.min(lastSeq, range.to)];
  const needed = wanted - entries.length;
  await add(reading, SELECT_OF_SEGMENT, [criteria.channel, epoch, from, to, criteria.from, criteria.to, needed]);
}

async function add(reading: Reading, sql: TwoWay, values: readonly unknown[]): Promise<void> {
  const rows = await ask<HistoryRow>(reading, sql, values);
  reading.left.rows -= rows.length;
  for (const row of rows) if (!isFull(reading)) reading.entries.push(toEntry(reading.criteria, row));
}
