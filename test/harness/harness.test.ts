import pg from 'pg';
import { expect, test } from 'vitest';
import { pingRedis } from '../../install/dev/servers/redis-ping.ts';
import { createTestDatabase } from './database.ts';
import { createTestRedis } from './redis.ts';
import { waitFor } from './wait-for.ts';

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

test('a test database is migrated and separate from the next one', { timeout: 30_000 }, async () => {
  const first = await createTestDatabase();
  const second = await createTestDatabase();
  await query(first.url, 'CREATE TABLE only_here (id int)');

  const tables = await query(second.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");

  expect(tables).toContainEqual({ tablename: 'schema_migrations' });
  expect(tables).not.toContainEqual({ tablename: 'only_here' });
  await first.drop();
  await second.drop();
  await expect(query(first.url, 'SELECT 1')).rejects.toThrow('does not exist');
});

test('a test Redis answers and every caller gets a PBX id of its own', { timeout: 30_000 }, async () => {
  const first = await createTestRedis();
  const second = await createTestRedis();

  expect(await pingRedis(Number(new URL(first.url).port))).toMatchObject({ isReady: true });
  expect(second.pbxId).not.toBe(first.pbxId);
});

test('a wait that is never met says what it waited for and why', async () => {
  const wait = waitFor(() => Promise.reject(new Error('refused')), { what: 'the tide', timeoutMs: 50 });

  await expect(wait).rejects.toMatchObject({ message: 'waited 50 ms for the tide', cause: { message: 'refused' } });
});
