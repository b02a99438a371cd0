import type { Machine } from './machine.ts';

/** `ours` is the product, a `peer` what others offer for the same work, a `limit` what bare parts reach with nothing around them. */
export type Role = 'ours' | 'peer' | 'limit';

/** One subject of one measure, over all runs. */
export interface Subject {
  readonly name: string;
  readonly role: Role;
  /** One for each run, in the unit of the measure. */
  readonly values: readonly number[];
  /** What arrived of what was sent, or why there is nothing. */
  readonly note?: string;
}

/** One line of the table: the same work, done by each subject, in one unit. */
export interface Measure {
  readonly work: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly subjects: readonly Subject[];
  readonly target: string;
  /** Null where it cannot be said. */
  readonly met: boolean | null;
  /** What is missing for a verdict, or what stands in the way of the target. */
  readonly why?: string;
}

/** A point of a curve: the cost of one subject at one amount of work. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

export interface Curve {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly { readonly name: string; readonly points: readonly CurvePoint[] }[];
}

/** What `.data/bench/<row>.json` holds. */
export interface RowReport {
  readonly row: string;
  readonly title: string;
  readonly date: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly measures: readonly Measure[];
  readonly curves: readonly Curve[];
  /** Every run as it was measured. */
  readonly runs: readonly unknown[];
}

export function ours(measure: Measure): Subject | undefined {
  return measure.subjects.find(({ role }) => role === 'ours');
}
