import type pg from 'pg';
import type { GapReason } from '../log/resolve-position.ts';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import { loadSql } from './sql.ts';

const INSERT = loadSql('insert-log-gap');

/** Entries of the log that neither Redis nor PostgreSQL has. */
export interface LogGap {
  readonly channel: Channel;
  /** Up to here there is everything. */
  readonly after: LogPosition;
  /** Where it goes on. */
  readonly beforeSeq: number;
  /** Null: nobody can say how many. */
  readonly lost: number | null;
  readonly reason: GapReason;
}

export async function insertLogGap(client: pg.ClientBase, gap: LogGap): Promise<void> {
  const { channel, after, beforeSeq, lost, reason } = gap;
  await client.query(INSERT, [channel, after.epoch, after.seq, beforeSeq, lost, reason]);
}
