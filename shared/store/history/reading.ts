import type pg from 'pg';
import type { LogEntry } from '../../log/entry.ts';
import { bodyToSend } from '../events.ts';
import { loadSql } from '../sql.ts';
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

/** The number up to which a reader got when the page had had its share of work; null: the page is full or the range read. */
export type Stop = number | null;

export function isFull({ entries, wanted }: Reading): boolean {
  return entries.length >= wanted;
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
  return { channel, epoch, seq, type, at: Math.round(row.at), body: bodyToSend(row), dn, call: row.call_id, event };
}

/** A statement that is written oldest first, in both directions. */
export interface TwoWay {
  readonly up: string;
  readonly down: string;
}

export function loadTwoWay(name: string): TwoWay {
  const up = loadSql(name);
  return { up, down: up.replaceAll(' ASC', ' DESC') };
}

export async function ask<Row extends pg.QueryResultRow>(
  { pool, newestFirst }: Reading,
  sql: TwoWay,
  values: readonly unknown[],
): Promise<Row[]> {
  const { rows } = await pool.query<Row>(newestFirst ? sql.down : sql.up, [...values]);
  return rows;
}
