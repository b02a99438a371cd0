import { pino } from 'pino';
import { expect, test } from 'vitest';
import { databaseUrl } from '../../test/harness/infra-access.ts';
import { createPool } from './pool.ts';

test('a connection that breaks between two queries of a transaction fails the next one, and not the process', async () => {
  const store = createPool({ databaseUrl: databaseUrl(), name: 'test', max: 2, logger: pino({ level: 'silent' }) });
  const client = await store.pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise(resolve => client.once('end', resolve));
    await store.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow();
  } finally {
    client.release(true);
    await store.stop();
  }
});
