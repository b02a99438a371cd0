import type pg from 'pg';

/**
 * The statements of one run and the pages of 8 KiB that they touch: each is explained as it is sent. A page that two of
 * them touch counts twice.
 */
export async function countBuffers(
  pool: pg.Pool,
  run: () => Promise<unknown>,
): Promise<{ statements: number; buffers: number }> {
  const original = pool.query;
  let statements = 0;
  let buffers = 0;
  const ask = original.bind(pool) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>;
  async function explained(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    const text = typeof query === 'string' ? query : query.text;
    const given = values ?? (typeof query === 'string' ? [] : query.values) ?? [];
    const { rows } = await ask(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text.replace(/^--.*$/gm, '')}`, given);
    const { Plan: plan } = rows[0]['QUERY PLAN'][0];
    statements += 1;
    buffers += plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    return ask(text, given);
  }
  Object.defineProperty(pool, 'query', { value: explained, configurable: true });
  try {
    await run();
  } finally {
    Reflect.deleteProperty(pool, 'query');
  }
  return { statements, buffers };
}
