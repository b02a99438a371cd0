import { monthEnd } from '../months.ts';
import type { Candidate } from './postings.ts';
import type { Range } from './ranges.ts';
import { ask, type HistoryRow, isFull, loadTwoWay, type Reading, type Stop, type TwoWay, toEntry } from './reading.ts';

const SELECT_OF_SEGMENT = loadTwoWay('select-history-of-segment');
const SELECT_BY_NUMBER = loadTwoWay('select-history-by-number');

/** Numbers asked for at once even when the page needs fewer: some may lie outside the times that are asked for. */
const MIN_NUMBERS = 100;

/** Adds the rows of the candidates to the page, in the direction of reading, until it is full. */
export async function readSegments(reading: Reading, candidates: readonly Candidate[], range: Range): Promise<Stop> {
  let waiting: Waiting | null = null;
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
    if (waiting && !isSameMonth(waiting, candidate)) {
      await readNumbers(reading, waiting);
      waiting = null;
    }
    waiting = join(waiting, candidate, numbersOf(reading, candidate, range));
    while (!isFull(reading) && waiting.numbers.length >= chunkOf(reading)) {
      const chunk: Waiting = { ...waiting, numbers: waiting.numbers.slice(0, chunkOf(reading)) };
      waiting = { ...waiting, numbers: waiting.numbers.slice(chunk.numbers.length) };
      await readNumbers(reading, chunk);
    }
  }
  if (waiting) await readNumbers(reading, waiting);
  const last = candidates.at(-1);
  return last && done !== endOf(last, reading.newestFirst) ? done : null;
}

/** Behind this number, in the direction of reading, the segment has nothing. */
export function endOf({ firstSeq, lastSeq }: Candidate, newestFirst: boolean): number {
  return newestFirst ? firstSeq : lastSeq;
}

/** Numbers of neighbouring segments in one month, so that one statement looks at one partition. */
interface Waiting {
  readonly epoch: string;
  readonly fromAt: number;
  readonly toAt: number;
  readonly numbers: readonly number[];
}

function chunkOf({ wanted, entries }: Reading): number {
  return Math.max(MIN_NUMBERS, wanted - entries.length);
}

function isSameMonth(waiting: Waiting, { epoch, fromAt }: Candidate): boolean {
  return waiting.epoch === epoch && monthEnd(waiting.fromAt) === monthEnd(fromAt);
}

function join(waiting: Waiting | null, candidate: Candidate, numbers: readonly number[]): Waiting {
  const { epoch, fromAt, toAt } = candidate;
  if (!waiting) return { epoch, fromAt, toAt, numbers };
  return {
    epoch,
    fromAt: Math.min(fromAt, waiting.fromAt),
    toAt: Math.max(toAt, waiting.toAt),
    numbers: [...waiting.numbers, ...numbers],
  };
}

function numbersOf({ newestFirst }: Reading, { firstSeq, distances }: Candidate, { from, to }: Range): number[] {
  const numbers = (distances ?? []).map(distance => firstSeq + distance).filter(seq => seq >= from && seq <= to);
  return newestFirst ? numbers.reverse() : numbers;
}

async function readNumbers(reading: Reading, { epoch, fromAt, toAt, numbers }: Waiting): Promise<void> {
  if (isFull(reading) || numbers.length === 0) return;
  const { criteria } = reading;
  const times = [Math.max(criteria.from, Math.floor(fromAt)), Math.min(criteria.to, Math.ceil(toAt))];
  await add(reading, SELECT_BY_NUMBER, [criteria.channel, epoch, numbers, ...times]);
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
