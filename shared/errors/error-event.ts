import type { LogEntry, NewEntry } from '../log/entry.ts';
import { type Details, toDetails, toSafeText } from '../runtime/details.ts';
import { formatPosition } from '../wire/position.ts';
import { fingerprintOf } from './fingerprint.ts';
import { isSeverity, type Severity } from './severity.ts';

/**
 * The two things that channel `errors` tells: an error happened, an error was acknowledged. Both are entries of type
 * `error_event`; `event` tells them apart.
 *
 * An acknowledgement names errors by id and fingerprint. The id is the position of an occurrence, and whichever group
 * that occurrence belongs to is meant: so the name stays good for one who saw only the end of a group.
 */
export interface ErrorOccurrence {
  readonly kind: 'occurrence';
  /** Position in the log. */
  readonly id: string;
  readonly at: Date;
  readonly component: string;
  readonly severity: Severity;
  readonly message: string;
  readonly details: Details;
  readonly fingerprint: string;
  /** Who wrote it; null when it does not say. */
  readonly service: string | null;
  /** How many of the same were counted instead of written since the one before. */
  readonly suppressed: number;
}

export interface ErrorAcknowledgement {
  readonly kind: 'acknowledgement';
  readonly id: string;
  readonly at: Date;
  readonly by: string;
  readonly errors: readonly ErrorName[];
}

export interface ErrorName {
  readonly id: string;
  readonly fingerprint: string;
}

export type ErrorEvent = ErrorOccurrence | ErrorAcknowledgement;

export type NewOccurrence = Omit<ErrorOccurrence, 'kind' | 'id' | 'at'>;

export const ACKNOWLEDGED = 'error.acknowledged';
export const MAX_MESSAGE = 1_000;
const TYPE = 'error_event';
/** The width of the columns in PostgreSQL. */
const MAX_COMPONENT = 50;
const MAX_NAME = 100;
const MAX_FINGERPRINT = 64;
const LATEST_MS = Date.UTC(9999, 0);

export function occurrenceEntry(at: number, occurrence: NewOccurrence): NewEntry {
  const { suppressed, ...data } = occurrence;
  const event = `error.${data.severity}`;
  const body = { at: new Date(at).toISOString(), event, data: suppressed > 0 ? { ...data, suppressed } : data };
  return { type: TYPE, at, body: JSON.stringify(body), event };
}

export function acknowledgementEntry(at: number, by: string, errors: readonly ErrorName[]): NewEntry {
  const body = { at: new Date(at).toISOString(), event: ACKNOWLEDGED, data: { by, errors } };
  return { type: TYPE, at, body: JSON.stringify(body), event: ACKNOWLEDGED };
}

/**
 * Total: any version of any writer may have written the entry, and PostgreSQL must take what comes out. Null for what
 * is neither (a gap, a body that is not JSON).
 */
export function decodeErrorEvent(entry: LogEntry): ErrorEvent | null {
  if (entry.type !== TYPE) return null;
  const data = readData(entry.body);
  if (!data) return null;
  const id = formatPosition(entry);
  const at = new Date(entry.at >= 0 && entry.at < LATEST_MS ? Math.trunc(entry.at) : Date.now());
  if (entry.event === ACKNOWLEDGED) {
    return { kind: 'acknowledgement', id, at, by: textOf(data.by, MAX_NAME) ?? '', errors: namesOf(data.errors) };
  }
  const component = textOf(data.component, MAX_COMPONENT) ?? 'unknown';
  const message = textOf(data.message, MAX_MESSAGE) ?? '(no message)';
  return {
    kind: 'occurrence',
    id,
    at,
    component,
    severity: isSeverity(data.severity) ? data.severity : 'error',
    message,
    details: toDetails(data.details),
    fingerprint: textOf(data.fingerprint, MAX_FINGERPRINT) ?? fingerprintOf(component, message),
    service: textOf(data.service, MAX_COMPONENT),
    suppressed: Number.isSafeInteger(data.suppressed) ? Math.max(0, Number(data.suppressed)) : 0,
  };
}

function readData(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const { data } = JSON.parse(body) as { data?: unknown };
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown, maxLength: number): string | null {
  return typeof value === 'string' && value !== '' ? toSafeText(value, maxLength) : null;
}

function namesOf(value: unknown): ErrorName[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: unknown) => {
    if (typeof name !== 'object' || name === null) return [];
    const { id, fingerprint } = name as { id?: unknown; fingerprint?: unknown };
    return typeof id === 'string' && typeof fingerprint === 'string' ? [{ id, fingerprint }] : [];
  });
}
