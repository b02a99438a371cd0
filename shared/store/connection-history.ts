import type pg from 'pg';
import { loadSql } from './sql.ts';

const SELECT_LATEST = loadSql('select-latest-samples');
const INSERT = loadSql('insert-samples');
const DROP = loadSql('drop-samples');

/** A component at a moment, as connection_status_history keeps it. */
export interface ConnectionSample {
  readonly component: string;
  readonly state: string;
  /** Milliseconds; null where there is none to measure. */
  readonly latency: number | null;
  readonly error: string | null;
  readonly at: Date;
}

export type LatestSample = Omit<ConnectionSample, 'latency'>;

/** The newest row of each component; absent for one that has none. */
export async function selectLatestSamples(
  client: pg.ClientBase,
  components: readonly string[],
): Promise<ReadonlyMap<string, LatestSample>> {
  const { rows } = await client.query<{
    component: string;
    state: string;
    error_message: string | null;
    timestamp: Date;
  }>(SELECT_LATEST, [components]);
  return new Map(
    rows.map(({ component, state, error_message: error, timestamp: at }) => [
      component,
      { component, state, error, at },
    ]),
  );
}

export async function insertSamples(client: pg.ClientBase, samples: readonly ConnectionSample[]): Promise<void> {
  await client.query(INSERT, [JSON.stringify(samples)]);
}

/** One step; returns how many rows went. */
export async function dropSamples(pool: pg.Pool, step: { before: Date; maxRows: number }): Promise<number> {
  return (await pool.query(DROP, [step.before, step.maxRows])).rowCount ?? 0;
}
