import { OperatorError } from '../runtime/operator-error.ts';
import type { ErrorGroup } from './error-groups.ts';
import type { Severity } from './severity.ts';

/** Which groups; every filter given must match. */
export interface ErrorFilters {
  readonly component?: readonly string[] | undefined;
  readonly severity?: readonly Severity[] | undefined;
  readonly acknowledged?: boolean | undefined;
  /** Groups with an occurrence since then … */
  readonly from?: Date | undefined;
  /** … and that were first seen until then. */
  readonly to?: Date | undefined;
  /** Part of the message, in whatever case. */
  readonly text?: string | undefined;
}

export interface ErrorQuery extends ErrorFilters {
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** The place of a group in the list: by its latest occurrence, then by id, both descending. */
export interface ErrorKey {
  readonly timestamp: Date;
  readonly id: string;
}

export function isMatch(group: ErrorGroup, filters: ErrorFilters): boolean {
  const { component, severity, acknowledged, from, to, text } = filters;
  return (
    (!component || component.includes(group.component)) &&
    (!severity || severity.includes(group.severity)) &&
    (acknowledged === undefined || group.acknowledged === acknowledged) &&
    (!from || group.timestamp >= from) &&
    (!to || group.firstSeen <= to) &&
    (!text || group.message.toLowerCase().includes(text.toLowerCase()))
  );
}

/** For `sort`: negative when `a` comes first in the list. */
export function compareNewestFirst(a: ErrorKey, b: ErrorKey): number {
  const byTime = b.timestamp.getTime() - a.timestamp.getTime();
  if (byTime !== 0) return byTime;
  return a.id === b.id ? 0 : a.id > b.id ? -1 : 1;
}

const CURSOR = /^(\d{1,15})\.(\w{1,64})$/;

export function formatCursor(key: ErrorKey): string {
  return `${key.timestamp.getTime()}.${key.id}`;
}

/** @throws OperatorError `INVALID_CURSOR` */
export function parseCursor(text: string): ErrorKey {
  const [, ms, id] = CURSOR.exec(text) ?? [];
  if (ms === undefined || id === undefined) {
    throw new OperatorError('INVALID_CURSOR', 'cursor must be the "next" of an earlier page of errors');
  }
  return { timestamp: new Date(Number(ms)), id };
}
