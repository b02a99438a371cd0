import { readPageQuery, writePageQuery } from '../shell/page-query.ts';
import type { Place } from './record-pages.svelte.ts';

/** Which page of rows is shown stands in the address under these names, so that it can be gone back to. */
export const PLACE = ['before', 'after'] as const;

export function parsePlace(search: URLSearchParams): Place {
  const before = search.get('before');
  if (before) return { at: 'before', cursor: before };
  const after = search.get('after');
  return after ? { at: 'after', cursor: after } : { at: 'newest' };
}

export function goToPlace(place: Place): void {
  writePageQuery({
    before: place.at === 'before' ? place.cursor : null,
    after: place.at === 'after' ? place.cursor : null,
  });
}

/** Other filters mean other rows: they begin with the newest. */
export function writeFilters(changes: Readonly<Record<string, string | null>>): void {
  writePageQuery({ ...changes, before: null, after: null });
}

/** This part of the address, as text: what is derived from it stays the same while something else in it changes. */
export function readPart(names: readonly string[]): string {
  const query = readPageQuery();
  return new URLSearchParams([...query].filter(([name]) => names.includes(name))).toString();
}
