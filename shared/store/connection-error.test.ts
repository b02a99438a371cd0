import pg from 'pg';
import { expect, test } from 'vitest';
import { isPostgresAway } from './connection-error.ts';
import { isRefusedByData } from './data-error.ts';

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('from the server', 1, 'error');
  error.code = code;
  return error;
}

test('a server that is shutting down, starting, full or only a standby is away', () => {
  for (const code of ['57P01', '57P03', '53300', '08006', '25006', '57014']) {
    expect(isPostgresAway(databaseError(code))).toBe(true);
  }
});

test('an error in the statement or its values is not an outage', () => {
  for (const code of ['42601', '23505', '22P02', '28P01', '3D000']) {
    expect(isPostgresAway(databaseError(code))).toBe(false);
  }
  expect(isPostgresAway(new Error('no such thing'))).toBe(false);
  expect(isPostgresAway('text')).toBe(false);
});

test('a refused connection is an outage', async () => {
  const client = new pg.Client({ connectionString: 'postgres://u:p@127.0.0.1:9/x' });
  const error = await client.connect().catch((failure: unknown) => failure);
  expect(isPostgresAway(error)).toBe(true);
});

test('values and limits are the fault of the data, a lost connection is not', () => {
  expect(['22P02', '22P05', '22008', '23502', '54001'].every(code => isRefusedByData(databaseError(code)))).toBe(true);
  expect(isRefusedByData(databaseError('23505'))).toBe(false);
  expect(isRefusedByData(new Error('Connection terminated unexpectedly'))).toBe(false);
});
