import { MAX_DISTANCE } from '../event-index.ts';
import { monthEnd } from '../months.ts';
import { loadSql } from '../sql.ts';
import type { Range } from './ranges.ts';
import { ask, loadTwoWay, type Reading } from './reading.ts';
import type { TermKind } from './terms.ts';

const SELECT_POSTINGS = loadTwoWay('select-postings');
const SELECT_OF_SEGMENTS = loadSql('select-postings-of-segments');
const COUNT_POSTINGS = loadSql('count-postings');

/** Values of the index that one row each stands under; "segment" is every segment's own row. */
export interface Lookup {
  readonly kind: TermKind | 'segment';
  readonly values: readonly string[];
}

export const EVERY_SEGMENT: Lookup = { kind: 'segment', values: [''] };

/** A segment and its numbers that are left after the lookups so far: distances from the first; null: all. */
export interface Candidate {
  readonly epoch: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Unix ms. */
  readonly fromAt: number;
  readonly toAt: number;
  /** The latest time as PostgreSQL spells it, because a comparison must not round. */
  readonly keyAt: string;
  readonly distances: readonly number[] | null;
}

interface PostingRow {
  first_seq: number;
  last_seq: number;
  from_at: number;
  to_at: number;
  key_at: string;
  seqs: string | null;
}

export interface Found {
  readonly candidates: Candidate[];
  /** Rows read: a segment has one for each value. */
  readonly postings: number;
  readonly isEnd: boolean;
}

/** The next segments in the range, in the direction of reading, that have one of the values. */
export async function selectSegments(
  reading: Reading,
  { lookup, range, segments }: { lookup: Lookup; range: Range; segments: number },
): Promise<Found> {
  const { criteria } = reading;
  // Values share segments: with fewer rows than values not even one segment would be whole.
  const limit = segments + lookup.values.length;
  const rows = await ask<PostingRow>(reading, SELECT_POSTINGS, [
    criteria.channel,
    lookup.kind,
    lookup.values,
    range.epoch,
    range.from,
    range.to,
    criteria.from,
    criteria.to,
    monthEnd(criteria.to),
    MAX_DISTANCE,
    limit,
  ]);
  const candidates = joinSegments(range.epoch, rows);
  const isEnd = rows.length < limit;
  // The last segment may lack the row of another value.
  if (!isEnd && lookup.values.length > 1) candidates.pop();
  return { candidates, postings: rows.length, isEnd };
}

/** What is left of the candidates, which are of one epoch, when they must have one of these values, too. */
export async function intersect(
  { pool, criteria }: Reading,
  candidates: readonly Candidate[],
  lookup: Lookup,
): Promise<Candidate[]> {
  const [first] = candidates;
  if (!first) return [];
  const { rows } = await pool.query<Pick<PostingRow, 'first_seq' | 'seqs'>>(SELECT_OF_SEGMENTS, [
    criteria.channel,
    lookup.kind,
    lookup.values,
    first.epoch,
    candidates.map(({ firstSeq }) => firstSeq),
    candidates.map(({ keyAt }) => keyAt),
  ]);
  const bySegment = new Map<number, Set<number>>();
  for (const row of rows) {
    const distances = bySegment.get(row.first_seq) ?? new Set();
    for (const distance of parseDistances(row.seqs) ?? []) distances.add(distance);
    bySegment.set(row.first_seq, distances);
  }
  return candidates.flatMap(candidate => {
    const has = bySegment.get(candidate.firstSeq);
    const distances = has && candidate.distances?.filter(distance => has.has(distance));
    return distances && distances.length > 0 ? [{ ...candidate, distances }] : [];
  });
}

/** How many rows of the index the lookup has in the months that are asked for; `enough` when it is that or more. */
export async function countPostings(reading: Reading, lookup: Lookup, enough: number): Promise<number> {
  const { channel, from, to } = reading.criteria;
  const values = [channel, lookup.kind, lookup.values, from, monthEnd(to), enough];
  const { rows } = await reading.pool.query<{ postings: number }>(COUNT_POSTINGS, values);
  return rows[0]?.postings ?? 0;
}

/** Rows of one segment come one behind the other. */
function joinSegments(epoch: string, rows: readonly PostingRow[]): Candidate[] {
  const candidates: Candidate[] = [];
  for (const row of rows) {
    const distances = parseDistances(row.seqs);
    const last = candidates.at(-1);
    if (last && last.firstSeq === row.first_seq) {
      const both = new Set([...(last.distances ?? []), ...(distances ?? [])]);
      candidates[candidates.length - 1] = { ...last, distances: [...both].sort((a, b) => a - b) };
      continue;
    }
    candidates.push({
      epoch,
      firstSeq: row.first_seq,
      lastSeq: row.last_seq,
      fromAt: row.from_at,
      toAt: row.to_at,
      keyAt: row.key_at,
      distances,
    });
  }
  return candidates;
}

/** `{1,2}`: ten times as fast as the array parser of pg, and there may be a hundred thousand of them. */
function parseDistances(text: string | null): number[] | null {
  return text === null ? null : (JSON.parse(`[${text.slice(1, -1)}]`) as number[]);
}
