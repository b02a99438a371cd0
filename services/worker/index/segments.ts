import { type EventToIndex, MAX_DISTANCE, type Posting } from '@3cx-relay/shared/store/event-index.ts';
import { eachTerm, isIndexable, type TermKind } from '@3cx-relay/shared/store/history/terms.ts';
import { monthEnd } from '@3cx-relay/shared/store/months.ts';

/** Consecutive rows of one epoch and one UTC month; at least one, and none will ever be added. */
export type Segment = readonly [EventToIndex, ...EventToIndex[]];

/**
 * Cuts rows into segments: one is closed by its size, or by a row behind it that belongs to another epoch or month or
 * is too far away. What is left at the end is still open and no segment.
 */
export function cutSegments(rows: readonly EventToIndex[], maxRows: number): Segment[] {
  const segments: Segment[] = [];
  let open: [EventToIndex, ...EventToIndex[]] | null = null;
  for (const row of rows) {
    if (open && !belongsTo(open[0], row)) {
      segments.push(open);
      open = null;
    }
    if (open) open.push(row);
    else open = [row];
    if (open.length === maxRows) {
      segments.push(open);
      open = null;
    }
  }
  return segments;
}

function belongsTo(first: EventToIndex, row: EventToIndex): boolean {
  return row.epoch === first.epoch && row.seq - first.seq <= MAX_DISTANCE && monthEnd(row.at) === monthEnd(first.at);
}

/** The rows of the index that a segment makes: one of its own, and one for each value in it. */
export function postingsOf(segment: Segment): Posting[] {
  const [first] = segment;
  const times = segment.map(({ at }) => at);
  const extent = {
    epoch: first.epoch,
    firstSeq: first.seq,
    lastSeq: (segment.at(-1) ?? first).seq,
    fromAt: Math.min(...times),
    toAt: Math.max(...times),
  };
  const byKind = new Map<TermKind, Map<string, number[]>>();
  for (const row of segment) {
    const distance = row.seq - first.seq;
    eachTerm(row, (kind, value) => {
      const byValue = byKind.get(kind) ?? new Map<string, number[]>();
      if (byValue.size === 0) byKind.set(kind, byValue);
      const distances = byValue.get(value);
      if (!distances) {
        if (isIndexable(value)) byValue.set(value, [distance]);
      } else if (distances.at(-1) !== distance) distances.push(distance);
    });
  }
  const postings: Posting[] = [{ kind: 'segment', value: '', ...extent, distances: null }];
  for (const [kind, byValue] of byKind) {
    for (const [value, distances] of byValue) postings.push({ kind, value, ...extent, distances });
  }
  return postings;
}
