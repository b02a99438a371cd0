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

/** Up to where the channel is persisted, locked until the transaction ends; null when nothing ever was. */
export async function lockPosition(client: pg.PoolClient, channel: Channel): Promise<LogPosition | null> {
  const { rows } = await client.query<PositionRow>(LOCK_POSITION, [channel]);
  if (rows.length === 0) throw new Error(`log_positions has no row for channel "${channel}": run the migrations`);
  return toPosition(rows[0]);
}

export async function movePosition(client: pg.PoolClient, channel: Channel, position: LogPosition): Promise<void> {
  await client.query(MOVE_POSITION, [channel, position.epoch, position.seq]);
}

/** What is committed, for those who only look: trimming and lag. A channel that was never copied is absent. */
export async function readPositions(pool: pg.Pool): Promise<ReadonlyMap<Channel, LogPosition>> {
  const { rows } = await pool.query<PositionRow>(SELECT_POSITIONS);
  const positions = new Map<Channel, LogPosition>();
  for (const row of rows) {
    const position = toPosition(row);
    if (position) positions.set(row.channel, position);
  }
  return positions;
}
