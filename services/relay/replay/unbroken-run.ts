import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';

/**
 * The entries around the first one behind `cursor` whose numbers follow each other. A store that lost entries in its
 * middle (PostgreSQL was restored from a backup, and Redis had trimmed what was in it) answers with a hole, and who reads
 * in blocks looks for holes in front of a block, not in it.
 */
export function unbrokenRun(entries: readonly LogEntry[], cursor: number): UnbrokenRun {
  const found = entries.findIndex(({ seq }) => seq > cursor);
  if (found < 0) return { entries: [], holeFrom: null };
  let first = found;
  let last = found;
  while (first > 0 && follows(entries, first)) first -= 1;
  while (last + 1 < entries.length && follows(entries, last + 1)) last += 1;
  return {
    entries: entries.slice(first, last + 1),
    holeFrom: entries[first - 1]?.seq ?? null,
  };
}

export interface UnbrokenRun {
  readonly entries: readonly LogEntry[];
  /** Number of the entry before the hole that the run begins behind; null when it begins with the first entry given. */
  readonly holeFrom: number | null;
}

/** Cut where numbers are missing, as a failover leaves them in front of a new epoch. */
export function unbrokenRuns(entries: readonly LogEntry[]): (readonly LogEntry[])[] {
  const begins = [...entries.keys()].filter(index => index === 0 || !follows(entries, index));
  return begins.map((begin, run) => entries.slice(begin, begins[run + 1]));
}

function follows(entries: readonly LogEntry[], index: number): boolean {
  return entries[index]?.seq === (entries[index - 1]?.seq ?? 0) + 1;
}
