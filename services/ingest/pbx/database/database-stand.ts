import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { databaseUrl } from '../../../../test/harness/infra-access.ts';
import type { CdrCall } from '../cdr.ts';
import { Database3CX, type Database3CXOptions } from './database-3cx.ts';

/** For tests: an empty database with a role that may read nothing yet, and a folder for an ini file. */
export interface DatabaseStand {
  readonly name: string;
  readonly role: string;
  readonly password: string;
  readonly root: string;
  readonly url: string;
  /** Of the whole server. */
  readonly admin: pg.Client;
  open(options?: Database3CXOptions): Database3CX;
  execute(...statements: string[]): Promise<void>;
  stop(): Promise<void>;
}

export const T0 = Date.UTC(2026, 0, 1, 12);
export const HOUR = 3_600_000;
const PASSWORD = `a;b#"c'\\[x]=`;

export async function createDatabaseStand(): Promise<DatabaseStand> {
  const admin = new pg.Client({ connectionString: databaseUrl() });
  await admin.connect();
  const name = `pbx_${randomBytes(5).toString('hex')}`;
  const role = `reader_${name}`;
  const root = await mkdtemp(join(tmpdir(), 'pbx-db-'));
  const url = new URL(databaseUrl());
  url.pathname = `/${name}`;
  const opened: Database3CX[] = [];
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  // A session that is just ending would otherwise keep us from dropping its database.
  await admin.query(`GRANT ${role} TO CURRENT_USER`);
  return {
    ...{ name, role, password: PASSWORD, root, url: url.href, admin },
    open(options = { databaseUrl: url.href }) {
      const database = new Database3CX(options);
      opened.push(database);
      return database;
    },
    async execute(...statements) {
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    },
    async stop() {
      for (const database of opened) await database.stop();
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.query(`DROP ROLE IF EXISTS ${role}`);
      await admin.end();
      await rm(root, { recursive: true, force: true });
    },
  };
}

export async function readCalls(database: Database3CX, fromMs = T0, toMs = T0 + HOUR): Promise<CdrCall[]> {
  const calls: CdrCall[] = [];
  for await (const call of database.queryCDR(new Date(fromMs), new Date(toMs))) calls.push(call);
  return calls;
}

export function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as { code: string; message: string },
  );
}

export const CDROUTPUT = `CREATE TABLE cdroutput (
  cdr_id uuid, call_history_id uuid, main_call_history_id uuid,
  source_entity_type text, source_dn_number text, source_dn_name text, source_participant_name text,
  source_participant_phone_number text, source_participant_trunk_did text,
  destination_entity_type text, destination_dn_number text, destination_participant_name text,
  destination_participant_phone_number text, creation_method text, creation_forward_reason text,
  termination_reason text, termination_reason_details text,
  cdr_started_at timestamptz, cdr_answered_at timestamptz, cdr_ended_at timestamptz)`;
/** Rows of one call, one a second. */
export const chain = (call: number, fromMs: number, rows: number) => `INSERT INTO cdroutput
  SELECT lpad(to_hex(n), 32, '0')::uuid, lpad('${call}', 32, '0')::uuid, lpad('${call}', 32, '0')::uuid,
    'external_line', '10000', 'Trunk', '', '+4930', '+4989', 'extension', '101', 'Ada', '101', 'route_to', 'polling',
    'cancelled', 'completed_elsewhere', to_timestamp(${fromMs / 1_000} + n), NULL, to_timestamp(${fromMs / 1_000} + n + 1)
  FROM generate_series(0, ${rows - 1}) AS n`;
