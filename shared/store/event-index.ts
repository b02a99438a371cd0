import type pg from 'pg';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { type IndexedEntry, MAX_BODY_BYTES, type TermKind } from './history/terms.ts';
import type { LockedPosition } from './log-positions.ts';
import { loadSql } from './sql.ts';

const LOCK_POSITION = loadSql('lock-index-position');
const MOVE_POSITION = loadSql('move-index-position');
const SELECT_POSITION = loadSql('select-index-position');
const SELECT_EVENTS = loadSql('select-events-to-index');
const INSERT = loadSql('insert-event-index');

/** A distance of a number from the first of its segment is a smallint. */
export const MAX_DISTANCE = 32_767;

/** One row of the index: a value and the numbers of a segment that have it. */
export interface Posting {
  /** "segment" with an empty value: the row that every segment has. */
  readonly kind: TermKind | 'segment';
  readonly value: string;
  readonly epoch: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Unix ms. */
  readonly fromAt: number;
  readonly toAt: number;
  /** Distances from firstSeq, growing; null: all. */
  readonly distances: readonly number[] | null;
}

export type EventToIndex = IndexedEntry & LogPosition & { readonly at: number };

/** Up to where the channel is indexed; nobody else indexes it until the transaction ends. Never waits. */
export async function lockIndexPosition(client: pg.PoolClient, channel: Channel): Promise<LockedPosition> {
  const { rows } = await client.query<PositionRow>(LOCK_POSITION, [channel]);
  return rows.length === 0 ? { locked: false } : { locked: true, position: toPosition(rows[0]) };
}

export async function moveIndexPosition(
  client: pg.PoolClient,
  channel: Channel,
  { epoch, seq }: LogPosition,
): Promise<void> {
  await client.query(MOVE_POSITION, [channel, epoch, seq]);
}

/** Null when nothing of the channel is indexed yet. */
export async function readIndexPosition(pool: pg.Pool, channel: Channel): Promise<LogPosition | null> {
  const { rows } = await pool.query<PositionRow>(SELECT_POSITION, [channel]);
  return toPosition(rows[0]);
}

/** The persisted rows behind a position, in order. A body that nobody would index is null. */
export async function selectEventsToIndex(
  client: pg.PoolClient,
  channel: Channel,
  { after, limit }: { after: LogPosition | null; limit: number },
): Promise<EventToIndex[]> {
  const values = [channel, after?.epoch ?? '', after?.seq ?? 0, MAX_BODY_BYTES, limit];
  const { rows } = await client.query<Omit<EventToIndex, 'channel'>>(SELECT_EVENTS, values);
  return rows.map(row => ({ ...row, channel, at: Math.round(row.at) }));
}

/** One statement whatever the number of rows. */
export async function insertPostings(
  client: pg.PoolClient,
  channel: Channel,
  postings: readonly Posting[],
): Promise<void> {
  const rows = postings.map(posting => ({
    kind: posting.kind,
    value: posting.value,
    epoch: posting.epoch,
    first_seq: posting.firstSeq,
    last_seq: posting.lastSeq,
    from_at: posting.fromAt,
    to_at: posting.toAt,
    seqs: posting.distances,
  }));
  await client.query(INSERT, [channel, JSON.stringify(rows)]);
}

interface PositionRow {
  epoch: string | null;
  seq: number;
}

function toPosition(row: PositionRow | undefined): LogPosition | null {
  return row?.epoch == null ? null : { epoch: row.epoch, seq: row.seq };
}
