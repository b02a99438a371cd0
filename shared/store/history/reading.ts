import type pg from 'pg';
import type { LogEntry } from '../../log/entry.ts';
import type { LogPosition } from '../../wire/position.ts';
import { toBody } from '../events.ts';
import type { Criteria } from './criteria.ts';

/** One page while it is being read: what was found and how much work is left to be done for it. */
export interface Reading {
  readonly pool: pg.Pool;
  readonly criteria: Criteria;
  readonly newestFirst: boolean;
  /** One more than the page takes: whether there is more must be known. */
  readonly wanted: number;
  readonly entries: LogEntry[];
  /** Rows of events and rows of the index that this page may still look at. */
  readonly left: { rows: number; postings: number };
}

/** Exclusive at both ends. */
export interface Span {
  readonly after: LogPosition;
  readonly before: LogPosition;
}

/** Where a reader stopped because the page has had its share of work; null when it is full or the span at its end. */
export type Stop = LogPosition | null;

/** Before and behind every position: an epoch is eight characters of 0-9a-z, in any collation below ten z. */
export const LOWEST: LogPosition = { epoch: '', seq: 0 };
export const HIGHEST: LogPosition = { epoch: 'zzzzzzzzzz', seq: Number.MAX_SAFE_INTEGER };

export function isFull({ entries, wanted }: Reading): boolean {
  return entries.length >= wanted;
}

export function comparePositions(a: LogPosition, b: LogPosition): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.seq - b.seq;
}

/** The span without what lies up to `position` in the direction of reading. */
export function spanBehind(span: Span, position: LogPosition, newestFirst: boolean): Span {
  return newestFirst ? { ...span, before: position } : { ...span, after: position };
}

/** Statements are written oldest first. */
export function inDirection(sql: string, newestFirst: boolean): string {
  return newestFirst ? sql.replaceAll(' ASC', ' DESC') : sql;
}

export interface HistoryRow {
  epoch: string;
  seq: number;
  type: string;
  at: number;
  event: string | null;
  dn: string | null;
  call_id: string | null;
  body: string;
}

export function toEntry({ channel }: Criteria, row: HistoryRow): LogEntry {
  const { epoch, seq, type, dn, event } = row;
  return { channel, epoch, seq, type, at: Math.round(row.at), body: toBody(row.body), dn, call: row.call_id, event };
}
