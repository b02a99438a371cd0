import type { Severity } from '@3cx-relay/shared/errors/severity.ts';

/** How close the log is to having no room for what PostgreSQL does not have yet. */
export type PressureLevel = 'none' | 'warning' | 'critical';

/** A level is left five percent below where it began: what swings around a mark is told once. */
const WARNING = { from: 0.8, until: 0.75 };
const CRITICAL = { from: 0.95, until: 0.9 };

/** `ratio`: what is not persisted, as a share of LOG_MAX_BYTES. */
export function levelAt(before: PressureLevel, ratio: number): PressureLevel {
  if (ratio >= (before === 'critical' ? CRITICAL.until : CRITICAL.from)) return 'critical';
  if (ratio >= (before === 'none' ? WARNING.from : WARNING.until)) return 'warning';
  return 'none';
}

/** What an operator is told when one level follows another; null when it is nothing new. */
export function newsOf(
  before: PressureLevel,
  after: PressureLevel,
): { readonly severity: Severity; readonly message: string } | null {
  if (after === before || (before === 'critical' && after === 'warning')) return null;
  return NEWS[after];
}

const TO_DO =
  'check that PostgreSQL answers at DATABASE_URL, that its disk has room and that a worker runs; LOG_MAX_BYTES may be raised where Redis has the memory';

const NEWS = {
  none: { severity: 'info', message: 'the log in Redis has room again: PostgreSQL has taken what waited' },
  warning: {
    severity: 'warning',
    message: `what PostgreSQL has not taken yet fills 80 % of the log in Redis: ${TO_DO}`,
  },
  critical: {
    severity: 'critical',
    message: `what PostgreSQL has not taken yet fills 95 % of the log in Redis, and at 100 % the oldest entries are given up, those of "requests" first, those of "calls" last: ${TO_DO}`,
  },
} as const satisfies Record<PressureLevel, { severity: Severity; message: string }>;
