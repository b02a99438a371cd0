import type pg from 'pg';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { toBody } from './events.ts';
import { justBehind, rangesBetween } from './history/ranges.ts';
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

/** A body that json could not hold is stored as a JSON string, escapes and all. */
const MAX_STORED_BYTES = 2 * MAX_BODY_BYTES + 100;

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

export interface Indexed {
  /** Up to where the channel is indexed. Null: nothing is. */
  readonly position: LogPosition | null;
  /**
   * Up to where it is persisted: a reader that goes from one epoch to the next must not go further, or it would miss
   * what is added meanwhile to the one that it has left.
   */
  readonly persisted: LogPosition | null;
  /** The epochs that may have rows, oldest first. */
  readonly epochs: readonly string[];
}

export async function readIndexed(client: pg.Pool | pg.ClientBase, channel: Channel): Promise<Indexed> {
  const { rows } = await client.query<IndexedRow>(SELECT_POSITION, [channel]);
  const [row] = rows;
  if (!row) return { position: null, persisted: null, epochs: [] };
  const persisted = toPosition({ epoch: row.persisted_epoch, seq: row.persisted_seq });
  return { position: toPosition(row), persisted, epochs: row.epochs };
}

/**
 * The rows behind a position that are persisted by what was read before, in order. A body that nobody would index is
 * null. The first statement is sent before this returns.
 */
export async function selectEventsToIndex(
  client: pg.PoolClient,
  channel: Channel,
  { after, limit, persisted, epochs }: { after: LogPosition; limit: number } & Omit<Indexed, 'position'>,
): Promise<EventToIndex[]> {
  const events: EventToIndex[] = [];
  for (const { epoch, from, to } of rangesBetween({ after, before: justBehind(persisted) }, { epochs })) {
    if (events.length === limit) break;
    const values = [channel, epoch, from, to, MAX_STORED_BYTES, limit - events.length];
    const { rows } = await client.query<Omit<EventToIndex, 'channel'>>(SELECT_EVENTS, values);
    for (const row of rows) {
      const body = row.body === null ? null : toBody(row.body);
      events.push({ ...row, channel, at: Math.round(row.at), body });
    }
  }
  return events;
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
    // As PostgreSQL writes it: a JSON array costs it four times as much.
    seqs: posting.distances && `{${posting.distances.join(',')}}`,
  }));
  await client.query(INSERT, [channel, JSON.stringify(rows)]);
}

interface PositionRow {
  epoch: string | null;
  seq: number;
}

type IndexedRow = PositionRow & { persisted_epoch: string | null; persisted_seq: number; epochs: string[] };

function toPosition(row: PositionRow | undefined): LogPosition | null {
  return row?.epoch == null ? null : { epoch: row.epoch, seq: row.seq };
}
