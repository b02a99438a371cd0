import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../shared/store/migrate.ts';
import { startPostgres } from './postgres.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'postgres-'));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

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

test('a cluster of an older start, whose owner may not make roles, gets the role of relay and ingest', {
  timeout: 30_000,
}, async () => {
  const dir = join(parent, 'postgres');
  const older = await startPostgres({ dir });
  await migrate({ databaseUrl: older.url });
  await older.stop();

  const server = await startPostgres({ dir, hasServiceRole: true });
  await migrate({ databaseUrl: server.url });

  const serviceUrl = server.serviceUrl ?? '';
  expect(await query(serviceUrl, 'SELECT current_user, count(*)::int FROM events')).toEqual([
    { current_user: 'relay_app', count: 0 },
  ]);
  await expect(query(serviceUrl, 'DELETE FROM events')).rejects.toThrow('permission denied for table events');
  await server.stop();
});

test('data survives a kill -9 and a restart, inside a folder that only its owner may enter', async () => {
  chmodSync(parent, 0o700);
  const dir = join(parent, 'postgres');
  const first = await startPostgres({ dir });
  await query(first.url, "CREATE TABLE kept AS SELECT 'yes' AS answer");
  first.kill();
  await first.exited;

  const second = await startPostgres({ dir, port: first.port });

  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 'yes' }]);
  expect(await query(second.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
  await second.stop();
}, 60_000);

test('a wrong password is refused', async () => {
  const server = await startPostgres({ dir: join(parent, 'postgres'), fsync: false });
  const url = new URL(server.url);
  url.password = 'guessed';

  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  await server.stop();
}, 60_000);

test('a half-made cluster of an interrupted start is replaced', async () => {
  const dir = join(parent, 'postgres');
  mkdirSync(join(dir, 'cluster.new', 'base'), { recursive: true });

  const server = await startPostgres({ dir, fsync: false });

  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await server.stop();
}, 60_000);

test('an administrator can be added to a cluster that exists, and is the same one ever after', async () => {
  const dir = join(parent, 'postgres');
  const first = await startPostgres({ dir, fsync: false });
  expect(first.adminUrl).toBeUndefined();
  await first.stop();

  const second = await startPostgres({ dir, fsync: false, administrator: 'simulator' });
  expect(await query(second.adminUrl ?? '', 'CREATE DATABASE of_the_pbx')).toEqual([]);
  await expect(query(second.url, 'CREATE DATABASE of_the_product')).rejects.toThrow('permission denied');
  await second.stop();

  const third = await startPostgres({ dir, fsync: false, port: second.port, administrator: 'simulator' });
  expect(third.adminUrl).toBe(second.adminUrl);
  expect(statSync(join(dir, 'simulator-password')).mode & 0o777).toBe(0o600);
  await third.stop();
}, 60_000);
