import type pg from 'pg';
import type { EpochStart } from '../log/epochs.ts';
import type { PersistedLog } from '../log/recall.ts';
import type { Channel } from '../wire/channels.ts';
import { loadSql } from './sql.ts';

const INSERT = loadSql('insert-log-epochs');
const SELECT = loadSql('select-log-epochs');

/** Remembers epochs for good; those that are known already stay as they are. */
export async function insertLogEpochs(
  client: pg.ClientBase,
  channel: Channel,
  epochs: readonly EpochStart[],
): Promise<void> {
  await client.query(INSERT, [channel, epochs.map(({ epoch }) => epoch), epochs.map(({ first }) => first)]);
}

/** What was persisted of each channel; one of which nothing was is absent. */
export async function selectPersistedLogs(
  client: pg.Pool | pg.ClientBase,
): Promise<ReadonlyMap<Channel, PersistedLog>> {
  const { rows } = await client.query<{ channel: Channel; seq: number; epochs: string[]; firsts: number[] }>(SELECT);
  return new Map(
    rows.map(({ channel, seq, epochs, firsts }) => [
      channel,
      { seq, epochs: epochs.map((epoch, index) => ({ epoch, first: firsts[index] ?? 1 })) },
    ]),
  );
}
