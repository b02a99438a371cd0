import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import type { DnScope } from '../keys/dn-scope.ts';

/** What of an entry a filter looks at: stream fields, never the body. */
export type EntryAttributes = Pick<LogEntry, 'type' | 'dn' | 'call' | 'event'>;

export type AskedFilters = Pick<SubscriptionRequest, 'dn' | 'event' | 'call'>;

export interface Filter {
  /** Equal filters have equal keys, so that what one client needs is prepared once for all that need the same. */
  readonly key: string;
  matches(entry: EntryAttributes): boolean;
}

/**
 * Null when nothing is filtered. Every filter given must match, and so must the scope, which is what the client's key
 * lets it see; a gap passes always, because it concerns everybody.
 */
export function toFilter(request: AskedFilters, scope: DnScope | null): Filter | null {
  const dns = request.dn && new Set(request.dn);
  const events = request.event && new Set(request.event);
  const calls = request.call && new Set(request.call);
  const parties = partiesOf(dns, scope ?? undefined);
  if (parties.length === 0 && !events && !calls) return null;
  const sorted = (values: ReadonlySet<string> | undefined) => values && [...values].sort();
  return {
    key: JSON.stringify([parties.map(sorted).sort(), sorted(events) ?? null, sorted(calls) ?? null]),
    matches(entry) {
      if (entry.type === 'gap') return true;
      if (!parties.every(wanted => hasAny(entry.dn, wanted))) return false;
      if (calls && !(entry.call !== null && calls.has(entry.call))) return false;
      return !events || hasAny(entry.event, events);
    },
  };
}

/**
 * The sets of DNs of which an entry needs one each. Two, not their intersection: of a call between 101 and 102 the key
 * of 101 may ask by the name of 102. Where one holds the other, the smaller says it all.
 */
function partiesOf(asked: DnScope | undefined, scope: DnScope | undefined): DnScope[] {
  if (!asked || !scope) return [asked, scope].filter(set => set !== undefined);
  if (isWithin(asked, scope)) return [asked];
  return isWithin(scope, asked) ? [scope] : [asked, scope];
}

function isWithin(small: DnScope, large: DnScope): boolean {
  return [...small].every(dn => large.has(dn));
}

/** An attribute is one value or several joined by commas. */
function hasAny(values: string | null, wanted: ReadonlySet<string>): boolean {
  if (values === null) return false;
  if (wanted.has(values)) return true;
  return values.includes(',') && values.split(',').some(value => wanted.has(value));
}
