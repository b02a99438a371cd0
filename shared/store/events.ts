import type pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import type { Channel } from '../wire/channels.ts';
import { loadSql } from './sql.ts';

const INSERT_EVENTS = loadSql('insert-events');
const CREATE_MONTH = loadSql('create-events-month');
const DROP_MONTHS = loadSql('drop-events-months');

/** One statement whatever the number of rows; they may span months, and epochs. */
export async function insertEvents(
  client: pg.PoolClient,
  channel: Channel,
  entries: readonly LogEntry[],
): Promise<void> {
  const rows = entries.map(entry => ({
    epoch: entry.epoch,
    seq: entry.seq,
    at: entry.at,
    type: entry.type,
    event: entry.event,
    dn: entry.dn,
    call_id: entry.call,
    body: entry.body,
  }));
  await client.query(INSERT_EVENTS, [channel, JSON.stringify(rows)]);
}

/** Makes sure the UTC month that `day` falls into has a partition; true when it had none. */
export async function createEventsMonth(pool: pg.Pool, channel: Channel, day: Date): Promise<boolean> {
  const { rows } = await pool.query<{ created: boolean }>(CREATE_MONTH, [channel, day.toISOString().slice(0, 10)]);
  return rows[0]?.created ?? false;
}

/** Drops the months that ended before `before`; returns the names of the partitions that went. */
export async function dropEventsMonths(pool: pg.Pool, channel: Channel, before: Date): Promise<string[]> {
  const { rows } = await pool.query<{ dropped: string[] }>(DROP_MONTHS, [channel, before]);
  return rows[0]?.dropped ?? [];
}
