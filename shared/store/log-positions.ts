import type pg from 'pg';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

const LOCK_POSITION = loadSql('lock-position');
const MOVE_POSITION = loadSql('move-position');
const SELECT_POSITIONS = loadSql('select-positions');

interface PositionRow {
  channel: Channel;
  epoch: string | null;
  seq: number;
}

function toPosition(row: { epoch: string | null; seq: number } | undefined): LogPosition | null {
  return row?.epoch == null ? null : { epoch: row.epoch, seq: row.seq };
}

export type LockedPosition =
  | { readonly locked: true /** Null when nothing was ever persisted. */; readonly position: LogPosition | null }
  | { readonly locked: false };

/** Up to where the channel is persisted; nobody else moves it until the transaction ends. Never waits. */
export async function lockPosition(client: pg.PoolClient, channel: Channel): Promise<LockedPosition> {
  const { rows } = await client.query<PositionRow>(LOCK_POSITION, [channel]);
  return rows.length === 0 ? { locked: false } : { locked: true, position: toPosition(rows[0]) };
}

export async function movePosition(client: pg.PoolClient, channel: Channel, position: LogPosition): Promise<void> {
  await client.query(MOVE_POSITION, [channel, position.epoch, position.seq]);
}

/** What is committed, for those who only look: trimming and lag. A channel that was never copied is absent. */
export async function readPositions(pool: pg.Pool | pg.ClientBase): Promise<ReadonlyMap<Channel, LogPosition>> {
  const { rows } = await pool.query<PositionRow>(SELECT_POSITIONS);
  const positions = new Map<Channel, LogPosition>();
  for (const row of rows) {
    const position = toPosition(row);
    if (position) positions.set(row.channel, position);
  }
  return positions;
}
