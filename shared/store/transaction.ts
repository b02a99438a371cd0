import type pg from 'pg';

export type PostgresClient = pg.PoolClient;

/**
 * Runs `work` between BEGIN and COMMIT on one connection. A connection that broke, or whose ROLLBACK fails, is closed
 * and not reused: it may still hold a transaction and its locks.
 */
export async function inTransaction<Result>(
  pool: pg.Pool,
  work: (client: PostgresClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  // Between two queries nobody else listens: without this a server that goes away here would end the process.
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(onError);
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
