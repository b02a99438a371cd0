import { readPageQuery, writePageQuery } from '../shell/page-query.ts';
import type { Place } from './record-pages.svelte.ts';

/** Which page of rows is shown stands in the address, so that it can be gone back to. */
export function readPlace(): Place {
  const query = readPageQuery();
  const before = query.get('before');
  if (before) return { at: 'before', cursor: before };
  const after = query.get('after');
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

/** These of the address's filters, as text: it stays the same while somebody turns pages. */
export function readFilters(names: readonly string[]): string {
  const query = readPageQuery();
  return new URLSearchParams([...query].filter(([name]) => names.includes(name))).toString();
}
