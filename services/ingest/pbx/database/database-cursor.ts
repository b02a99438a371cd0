import type pg from 'pg';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * The rows of a statement in batches, each fetched only when the one before was taken: however long the answer and
 * however slow its reader, one batch is in memory. A cursor of SQL and not of a library: two statements are all of it.
 *
 * The transaction lasts as long as the reading; whoever leaves early ends it by leaving the loop.
 */
const BATCH_ROWS = 500;

export async function* readBatches<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  { text, values }: Statement,
): AsyncGenerator<Row[], void, undefined> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // Between two batches nobody else listens: without this a server that goes away here would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN READ ONLY');
    await client.query(`DECLARE relay_rows NO SCROLL CURSOR FOR ${text}`, [...values]);
    for (;;) {
      const { rows } = await client.query<Row>(`FETCH FORWARD ${BATCH_ROWS} FROM relay_rows`);
      if (rows.length > 0) yield rows;
      if (rows.length < BATCH_ROWS) break;
    }
  } catch (error) {
    // Closing it ends the transaction as well. To say so first would wait once more for a server that froze, with one of
    // the two connections in hand.
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    if (!broken) await client.query('ROLLBACK').catch(onError);
    client.off('error', onError);
    client.release(broken);
  }
}
