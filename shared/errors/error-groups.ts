import type { Details } from '../runtime/details.ts';
import type { ErrorEvent, ErrorOccurrence } from './error-event.ts';
import type { Severity } from './severity.ts';

/**
 * Occurrences of one fingerprint between two acknowledgements are one group. It is a fold over the log, and the same
 * one for those who keep groups in PostgreSQL and those who look at what is newer than that: both come to the same
 * groups with the same ids, whoever reads first.
 */
export interface ErrorGroup {
  /** Position of its first occurrence in the log. */
  readonly id: string;
  /** Position of its latest occurrence. */
  readonly lastId: string;
  readonly fingerprint: string;
  /** The latest occurrence; never goes back when an entry had to wait for the log. */
  readonly timestamp: Date;
  readonly firstSeen: Date;
  readonly component: string;
  /** Severity, message, details and service are those of the latest occurrence. */
  readonly severity: Severity;
  readonly message: string;
  readonly details: Details;
  readonly service: string | null;
  /** Occurrences, those that were counted instead of written included. */
  readonly count: number;
  readonly acknowledged: boolean;
  readonly acknowledgedBy: string | null;
  readonly acknowledgedAt: Date | null;
}

/** `open`: the groups that were open before the first event. Returns every group that changed, oldest first. */
export function foldErrors(open: readonly ErrorGroup[], events: readonly ErrorEvent[]): ErrorGroup[] {
  const current = new Map(open.map(group => [group.fingerprint, group]));
  const changed = new Map<string, ErrorGroup>();
  const keep = (group: ErrorGroup) => {
    changed.set(group.id, group);
    if (group.acknowledged) current.delete(group.fingerprint);
    else current.set(group.fingerprint, group);
  };
  for (const event of events) {
    if (event.kind === 'occurrence') {
      const group = current.get(event.fingerprint);
      keep(group ? withOccurrence(group, event) : groupOf(event));
      continue;
    }
    for (const { id, fingerprint } of event.errors) {
      const group = current.get(fingerprint);
      // Positions compare as text. An id outside means an earlier group: what came since was not seen by anybody.
      if (!group || id < group.id || id > group.lastId) continue;
      keep({ ...group, acknowledged: true, acknowledgedBy: event.by, acknowledgedAt: event.at });
    }
  }
  return [...changed.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function groupOf(occurrence: ErrorOccurrence): ErrorGroup {
  const { id, at, suppressed, fingerprint, component, severity, message, details, service } = occurrence;
  return {
    id,
    lastId: id,
    fingerprint,
    timestamp: at,
    firstSeen: at,
    component,
    severity,
    message,
    details,
    service,
    count: 1 + suppressed,
    acknowledged: false,
    acknowledgedBy: null,
    acknowledgedAt: null,
  };
}

function withOccurrence(group: ErrorGroup, occurrence: ErrorOccurrence): ErrorGroup {
  const { id, at, suppressed, severity, message, details, service } = occurrence;
  return {
    ...group,
    lastId: id,
    timestamp: new Date(Math.max(at.getTime(), group.timestamp.getTime())),
    firstSeen: new Date(Math.min(at.getTime(), group.firstSeen.getTime())),
    severity,
    message,
    details,
    service,
    count: group.count + 1 + suppressed,
  };
}
