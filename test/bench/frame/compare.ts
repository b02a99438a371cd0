import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { announce, warn } from '../../../install/dev/terminal.js';
import type { Peer } from '../peers/peer.ts';
import type { Measure, Subject } from './report.ts';
import type { RowWork } from './run-row.ts';

/** What each subject did in each run; one that could not run says why. */
export interface Compared<Run> {
  readonly peer: Peer;
  readonly runs: readonly Run[];
  readonly problem?: string;
}

/**
 * All subjects one after the other, as often as there are runs: a machine that becomes slower in between is slower for all
 * of them. A peer that fails is left out from then on, and the report says why; the product has to get through.
 */
export async function compare<Run extends object>(
  work: RowWork,
  peers: readonly Peer[],
  run: (peer: Peer) => Promise<Run>,
): Promise<Compared<Run>[]> {
  const all: { peer: Peer; runs: Run[]; problem?: string }[] = [];
  for (const peer of peers) {
    const problem = await peer.obtain();
    if (problem) warn(`${peer.name} is left out: ${problem}`);
    all.push({ peer, runs: [], ...(problem ? { problem } : {}) });
  }
  for (let n = 1; n <= work.options.runs; n += 1) {
    for (const subject of all) {
      if (subject.problem) continue;
      announce(`run ${n} of ${work.options.runs}: ${subject.peer.name}`);
      try {
        const result = await run(subject.peer);
        subject.runs.push(result);
        work.record(subject.peer.name, { run: n, ...result });
      } catch (error) {
        if (subject.peer.role === 'ours') throw error;
        subject.problem = messageOf(error);
        warn(`${subject.peer.name} is left out: ${subject.problem}`);
      }
    }
  }
  return all;
}

/** One figure of all subjects, as a line of the table. `note` is asked of the last run. */
export function toSubjects<Run>(
  compared: readonly Compared<Run>[],
  value: (run: Run) => number,
  note?: (run: Run) => string | undefined,
): Subject[] {
  return compared.map(({ peer, runs, problem }) => {
    const last = runs.at(-1);
    const said = problem ?? (last && note?.(last));
    return { name: peer.name, role: peer.role, values: runs.map(value), ...(said ? { note: said } : {}) };
  });
}

/**
 * Adds what decides about a line: the target in words and as a question to the medians. `whereItGoes`: what stands in the
 * way as far as profiles have shown, for a line that misses its target.
 */
export function judged(
  measure: Omit<Measure, 'met'>,
  isMet: (subjects: readonly Subject[]) => boolean | null,
  whereItGoes?: string,
): Measure {
  const met = isMet(measure.subjects);
  return { ...measure, met, ...(met === false && whereItGoes !== undefined ? { why: whereItGoes } : {}) };
}
