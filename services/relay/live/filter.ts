import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { SubscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';

/** What of an entry a filter looks at: stream fields, never the body. */
export type EntryAttributes = Pick<LogEntry, 'type' | 'dn' | 'call' | 'event'>;

export interface Filter {
  /** Equal filters have equal keys, so that what one client needs is prepared once for all that need the same. */
  readonly key: string;
  matches(entry: EntryAttributes): boolean;
}

/** Null when nothing is filtered. Every filter given must match; a gap passes always, because it concerns everybody. */
export function toFilter(request: Pick<SubscriptionRequest, 'dn' | 'event' | 'call'>): Filter | null {
  const dns = request.dn && new Set(request.dn);
  const events = request.event && new Set(request.event);
  const calls = request.call && new Set(request.call);
  if (!dns && !events && !calls) return null;
  const sorted = (values: Set<string> | undefined) => values && [...values].sort();
  return {
    key: JSON.stringify([sorted(dns) ?? null, sorted(events) ?? null, sorted(calls) ?? null]),
    matches(entry) {
      if (entry.type === 'gap') return true;
      if (dns && !hasAny(entry.dn, dns)) return false;
      if (calls && !(entry.call !== null && calls.has(entry.call))) return false;
      return !events || hasAny(entry.event, events);
    },
  };
}

/** An attribute is one value or several joined by commas. */
function hasAny(values: string | null, wanted: ReadonlySet<string>): boolean {
  if (values === null) return false;
  if (wanted.has(values)) return true;
  return values.includes(',') && values.split(',').some(value => wanted.has(value));
}
