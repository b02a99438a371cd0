import type pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import type { LogPosition } from '../wire/position.ts';
import { toBody } from './events.ts';
import { loadSql } from './sql.ts';

/** How far the calls of entries that an earlier release copied have been made. */
const LOCK = loadSql('lock-past-calls');
const MOVE = loadSql('move-past-calls');
const END = loadSql('end-past-calls');
const SELECT = loadSql('select-events-behind');

/** Nobody else goes on until the transaction ends; null when nothing is left, or another worker is at it. */
export async function lockPastCalls(client: pg.ClientBase): Promise<LogPosition | null> {
  const { rows } = await client.query<LogPosition>(LOCK);
  return rows[0] ?? null;
}

export async function movePastCalls(client: pg.ClientBase, position: LogPosition): Promise<void> {
  await client.query(MOVE, [position.epoch, position.seq]);
}

export async function endPastCalls(client: pg.ClientBase): Promise<void> {
  await client.query(END);
}

/** The persisted entries behind a position, over all epochs. */
export async function selectPastCallEvents(
  client: pg.ClientBase,
  after: LogPosition,
  limit: number,
): Promise<LogEntry[]> {
  const { rows } = await client.query<Omit<LogEntry, 'channel'>>(SELECT, ['calls', after.epoch, after.seq, limit]);
  return rows.map(row => ({ channel: 'calls', ...row, at: Math.round(row.at), body: toBody(row.body) }));
}
