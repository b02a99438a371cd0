import { field, text } from './messages.ts';

/** What a list may be narrowed by, of an error that has just come. */
export interface NewError {
  readonly component: string;
  readonly severity: string;
  readonly message: string;
}

/** Errors that came since the panel was opened: how many, and the newest of them. */
export interface NewErrors {
  readonly count: number;
  /** Oldest first. */
  readonly latest: readonly NewError[];
}

export const NO_NEW_ERRORS: NewErrors = { count: 0, latest: [] };

/** Kept to be counted by what they are like. */
const MAX_LATEST = 1_000;

/** Null for an acknowledgement, which stands in the same channel and is no error. */
export function decodeNewError(item: unknown): NewError | null {
  if (field(item, 'type') !== 'error_event' || field(item, 'event') === 'error.acknowledged') return null;
  const data = field(item, 'data');
  const [component, severity, message] = ['component', 'severity', 'message'].map(
    name => text(field(data, name)) ?? '',
  );
  return { component: component ?? '', severity: severity ?? '', message: message ?? '' };
}

export function addNewErrors({ count, latest }: NewErrors, more: readonly NewError[]): NewErrors {
  return { count: count + more.length, latest: [...latest, ...more].slice(-MAX_LATEST) };
}

/** Of those behind the first `seen`; `isMore` when there were too many to look at all of them. */
export function countNewErrors(
  { count, latest }: NewErrors,
  seen: number,
  isWanted: (error: NewError) => boolean,
): { readonly count: number; readonly isMore: boolean } {
  const unseen = Math.max(0, count - seen);
  const known = unseen === 0 ? [] : latest.slice(-unseen);
  return { count: known.filter(isWanted).length, isMore: unseen > known.length };
}
