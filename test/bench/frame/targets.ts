import type { Subject } from './report.ts';
import { median } from './statistics.ts';

/** What the product did; NaN, which meets no target, where it did nothing. */
export function oursMedian(subjects: readonly Subject[]): number {
  return median(subjects.find(({ role }) => role === 'ours')?.values ?? []);
}

/** What some other subject did; NaN where it is missing. */
export function medianOf(subjects: readonly Subject[], name: string): number {
  return median(subjects.find(subject => subject.name === name)?.values ?? []);
}
