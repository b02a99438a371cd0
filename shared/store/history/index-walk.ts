import { type Candidate, countPostings, EVERY_SEGMENT, intersect, type Lookup, selectSegments } from './postings.ts';
import { type Range, rangeBehind, startOf } from './ranges.ts';
import { isFull, type Reading, type Stop } from './reading.ts';
import { endOf, readSegments } from './segment-rows.ts';

/** Segments asked for in the first step; few are enough where they have much, and each next step asks for more. */
const FIRST_STEP = 4;
/** Of several values at once most segments have nothing: more of them in fewer statements. */
const FIRST_STEP_OF_SEVERAL = 64;
const STEP_GROWTH = 4;
const MAX_STEP = 256;
/** A value with more rows than this in the index is as good to begin with as any other such value. */
const MANY_POSTINGS = 512;

/**
 * Reads the part of the log that is cut into segments: from one segment to the next that has the rarest of what is asked
 * for, of its numbers those that have everything else, and only then the rows. What no segment has costs no row.
 */
export async function walkIndex(reading: Reading, range: Range, lookups: readonly Lookup[]): Promise<Stop> {
  const { newestFirst, left } = reading;
  const [lead = EVERY_SEGMENT, ...others] = lookups;
  let rest = range;
  let step = others.length > 0 ? FIRST_STEP_OF_SEVERAL : FIRST_STEP;
  while (!isFull(reading) && rest.from <= rest.to) {
    if (left.postings <= 0 || left.rows <= 0) return startOf(rest, newestFirst);
    const found = await selectSegments(reading, { lookup: lead, range: rest, segments: step });
    left.postings -= found.postings;
    let candidates: readonly Candidate[] = found.candidates;
    for (const other of others) {
      left.postings -= candidates.length;
      candidates = await intersect(reading, candidates, other);
    }
    const stoppedAt = await readSegments(reading, candidates, rest);
    if (stoppedAt !== null) return stoppedAt;
    const last = found.candidates.at(-1);
    if (!last || found.isEnd) return null;
    rest = rangeBehind(rest, endOf(last, newestFirst), newestFirst);
    step = Math.min(step * STEP_GROWTH, MAX_STEP);
  }
  return null;
}

/** What to look for, in the order in which it leaves the least to look for. */
export async function lookupsFor(reading: Reading): Promise<readonly Lookup[]> {
  const { clauses } = reading.criteria;
  if (clauses.length < 2) return clauses;
  const counted: { clause: Lookup; postings: number }[] = [];
  for (const clause of clauses) {
    counted.push({ clause, postings: await countPostings(reading, clause, MANY_POSTINGS) });
  }
  return counted.sort((a, b) => a.postings - b.postings).map(({ clause }) => clause);
}
