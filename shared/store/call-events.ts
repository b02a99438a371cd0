import type pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import type { LogPosition } from '../wire/position.ts';
import { bodyToSend } from './events.ts';
import { loadSql } from './sql.ts';

const SELECT_CALL_EVENTS = loadSql('select-call-events');
const SELECT_LAST = loadSql('select-last-call-event');

interface EventRow {
  epoch: string;
  seq: number;
  at: number;
  type: string;
  event: string | null;
  dn: string | null;
  body: string;
}

/** The persisted entries of one call, in order. */
export async function selectCallEvents(
  pool: pg.Pool,
  callId: string,
  range: { after: LogPosition; upTo: LogPosition; limit: number },
): Promise<LogEntry[]> {
  const { after, upTo, limit } = range;
  const values = [callId, after.epoch, after.seq, upTo.epoch, upTo.seq, limit];
  const { rows } = await pool.query<EventRow>(SELECT_CALL_EVENTS, values);
  return rows.map(row => toEntry(callId, row));
}

export async function selectLastCallEvent(pool: pg.Pool, callId: string, upTo: LogPosition): Promise<LogEntry | null> {
  const { rows } = await pool.query<EventRow>(SELECT_LAST, [callId, upTo.epoch, upTo.seq]);
  return rows[0] ? toEntry(callId, rows[0]) : null;
}

function toEntry(call: string, row: EventRow): LogEntry {
  return { channel: 'calls', call, ...row, body: bodyToSend(row) };
}
