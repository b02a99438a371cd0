import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../shared/store/migrate.ts';
import { startPostgres } from './postgres.ts';

/** One cluster from its first start on: each test goes on from the one before. */
let parent: string;
let dir: string;
let server: Awaited<ReturnType<typeof startPostgres>>;

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'postgres-'));
  chmodSync(parent, 0o700);
  dir = join(parent, 'postgres');
});

afterAll(async () => {
  await server?.stop();
  rmSync(parent, { recursive: true, force: true });
});

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

test('a half-made cluster of an interrupted start is replaced', async () => {
  mkdirSync(join(dir, 'cluster.new', 'base'), { recursive: true });

  server = await startPostgres({ dir });

  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a wrong password is refused', async () => {
  const url = new URL(server.url);
  url.password = 'guessed';

  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('data survives a kill -9 and a restart, inside a folder that only its owner may enter', async () => {
  const first = server;
  await query(first.url, "CREATE TABLE kept AS SELECT 'yes' AS answer");
  first.kill();
  await first.exited;

  server = await startPostgres({ dir, port: first.port });

  expect(server.url).toBe(first.url);
  expect(await query(server.url, 'SELECT answer FROM kept')).toEqual([{ answer: 'yes' }]);
  expect(await query(server.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  expect(statSync(parent).mode & 0o777).toBe(0o700);
  expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
});

test('a cluster of an older start, whose owner may not make roles, gets the role of relay and ingest', async () => {
  await migrate({ databaseUrl: server.url });
  expect(server.adminUrl).toBeUndefined();
  await server.stop();

  server = await startPostgres({ dir, hasServiceRole: true, administrator: 'simulator' });
  await migrate({ databaseUrl: server.url });

  const serviceUrl = server.serviceUrl ?? '';
  expect(await query(serviceUrl, 'SELECT current_user, count(*)::int FROM events')).toEqual([
    { current_user: 'relay_app', count: 0 },
  ]);
  await expect(query(serviceUrl, 'DELETE FROM events')).rejects.toThrow('permission denied for table events');
});

test('an administrator can be added to a cluster that exists, and is the same one ever after', async () => {
  const second = server;
  expect(await query(second.adminUrl ?? '', 'CREATE DATABASE of_the_pbx')).toEqual([]);
  await expect(query(second.url, 'CREATE DATABASE of_the_product')).rejects.toThrow('permission denied');
  await second.stop();

  server = await startPostgres({ dir, port: second.port, administrator: 'simulator' });
  expect(server.adminUrl).toBe(second.adminUrl);
  expect(statSync(join(dir, 'simulator-password')).mode & 0o777).toBe(0o600);
});
