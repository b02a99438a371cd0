import type pg from 'pg';
import type { Channel } from '../wire/channels.ts';
import { loadSql } from './sql.ts';

const CREATE_MONTH = loadSql('create-month');
const DROP_MONTHS = loadSql('drop-months');

/** Every table that is partitioned by months, and the channel that its rows come from: they go when that channel's go. */
export const MONTHLY_TABLES = {
  events_calls: 'calls',
  events_health: 'health',
  events_errors: 'errors',
  events_audit: 'audit',
  events_requests: 'requests',
  // Behind events: what an entry is found by never goes before it.
  event_index_calls: 'calls',
  event_index_health: 'health',
  event_index_errors: 'errors',
  event_index_audit: 'audit',
  event_index_requests: 'requests',
  calls: 'calls',
  call_parties: 'calls',
  api_requests: 'requests',
  api_usage_hours: 'requests',
} as const satisfies Readonly<Record<string, Channel>>;

export type MonthlyTable = keyof typeof MONTHLY_TABLES;

/** Makes sure the UTC month that `day` falls into has a partition; true when it had none. */
export async function createMonth(pool: pg.Pool, table: MonthlyTable, day: Date): Promise<boolean> {
  const { rows } = await pool.query<{ created: boolean }>(CREATE_MONTH, [table, day.toISOString().slice(0, 10)]);
  return rows[0]?.created ?? false;
}

/** Drops the months that ended before `before`; returns the names of the partitions that went. */
export async function dropMonths(pool: pg.Pool, table: MonthlyTable, before: Date): Promise<string[]> {
  const { rows } = await pool.query<{ dropped: string[] }>(DROP_MONTHS, [table, before]);
  return rows[0]?.dropped ?? [];
}

/** The first moment (Unix ms) behind the UTC month that `ms` falls into. */
export function monthEnd(ms: number): number {
  const day = new Date(ms);
  const end = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1);
  return Number.isNaN(end) ? Number.POSITIVE_INFINITY : end;
}
