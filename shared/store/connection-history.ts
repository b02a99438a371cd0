import type pg from 'pg';
import { loadSql } from './sql.ts';

const SELECT_LATEST = loadSql('select-latest-samples');
const INSERT = loadSql('insert-samples');
const DROP = loadSql('drop-samples');
const SELECT_SAMPLES = loadSql('select-samples');
const SELECT_CHANGES = loadSql('select-connection-changes');

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

/** All that is kept since then, by component, oldest first; absent for one that has none. */
export async function selectSamples(
  pool: pg.Pool,
  components: readonly string[],
  from: Date,
): Promise<ReadonlyMap<string, readonly Omit<ConnectionSample, 'error'>[]>> {
  const { rows } = await pool.query<{ component: string; state: string; latency: number | null; timestamp: Date }>(
    SELECT_SAMPLES,
    [components, from],
  );
  const samples = rows.map(({ timestamp: at, ...sample }) => ({ ...sample, at }));
  return Map.groupBy(samples, ({ component }) => component);
}

/** A row that says something else than the one before it. */
export interface ConnectionChangeRow extends Omit<ConnectionSample, 'component'> {
  readonly id: number;
  /** Nothing stands before it in the span: what was before is not known. */
  readonly isFirst: boolean;
}

/** Newest first. */
export async function selectConnectionChanges(
  pool: pg.Pool,
  component: string,
  span: { readonly from: Date; readonly to: Date; readonly limit: number },
): Promise<ConnectionChangeRow[]> {
  const { rows } = await pool.query<{
    id: number;
    state: string;
    latency: number | null;
    error_message: string | null;
    timestamp: Date;
    is_first: boolean;
  }>(SELECT_CHANGES, [component, span.from, span.to, span.limit]);
  return rows.map(({ error_message: error, timestamp: at, is_first: isFirst, ...change }) => ({
    ...change,
    ...{ error, at, isFirst },
  }));
}

/** One step; returns how many rows went. */
export async function dropSamples(pool: pg.Pool, step: { before: Date; maxRows: number }): Promise<number> {
  return (await pool.query(DROP, [step.before, step.maxRows])).rowCount ?? 0;
}
