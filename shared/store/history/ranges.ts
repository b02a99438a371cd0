import type { LogPosition } from '../../wire/position.ts';

/** Numbers of one epoch, both included; one epoch at a time, because the planner cannot tell how much lies behind a pair. */
export interface Range {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
}

/** One less than the largest safe integer, so that the number behind it is safe, too. */
const HIGHEST_SEQ = Number.MAX_SAFE_INTEGER - 1;
/** Before and behind every position: an epoch is eight characters of 0-9a-z. */
export const LOWEST: LogPosition = { epoch: '', seq: 0 };
export const HIGHEST: LogPosition = { epoch: 'zzzzzzzzzz', seq: HIGHEST_SEQ };

export function comparePositions(a: LogPosition, b: LogPosition): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.seq - b.seq;
}

/** A position as an exclusive end of what lies up to it. */
export function justBehind(position: LogPosition | null): LogPosition {
  return position ? { epoch: position.epoch, seq: position.seq + 1 } : LOWEST;
}

/** What lies between two positions, without them, in the order of reading. */
export function rangesBetween(
  { after, before }: { after: LogPosition; before: LogPosition },
  { epochs, newestFirst = false }: { epochs: readonly string[]; newestFirst?: boolean },
): Range[] {
  const ranges = epochs
    .filter(epoch => epoch >= after.epoch && epoch <= before.epoch)
    .map(epoch => ({
      epoch,
      from: epoch === after.epoch ? after.seq + 1 : 1,
      to: epoch === before.epoch ? before.seq - 1 : HIGHEST_SEQ,
    }))
    .filter(({ from, to }) => from <= to);
  return newestFirst ? ranges.reverse() : ranges;
}

/** The range without what lies up to the number, in the direction of reading. */
export function rangeBehind(range: Range, seq: number, newestFirst: boolean): Range {
  return newestFirst ? { ...range, to: seq - 1 } : { ...range, from: seq + 1 };
}

/** The number just outside the range, on the side from which it is read. */
export function startOf({ from, to }: Range, newestFirst: boolean): number {
  return newestFirst ? to + 1 : from - 1;
}
