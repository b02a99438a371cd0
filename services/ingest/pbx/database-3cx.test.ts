import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../../test/harness/infra-access.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { createPbxDatabase } from '../../../test/simulator/database/pbx-database.ts';
import type { CdrCall } from './cdr.ts';
import { Database3CX, type Database3CXOptions } from './database-3cx.ts';

const T0 = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;
const PASSWORD = `a;b#"c'\\[x]=`;

let admin: pg.Client;
let name: string;
let role: string;
let root: string;
let opened: Database3CX[];

beforeAll(async () => {
  admin = new pg.Client({ connectionString: databaseUrl() });
  await admin.connect();
});
afterAll(() => admin.end());

beforeEach(async () => {
  name = `pbx_${randomBytes(5).toString('hex')}`;
  role = `reader_${name}`;
  root = await mkdtemp(join(tmpdir(), 'pbx-db-'));
  opened = [];
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  // A session that is just ending would otherwise keep us from dropping its database.
  await admin.query(`GRANT ${role} TO CURRENT_USER`);
});

afterEach(async () => {
  for (const database of opened) await database.stop();
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.query(`DROP ROLE IF EXISTS ${role}`);
  await rm(root, { recursive: true, force: true });
});

function open(options: Database3CXOptions = { databaseUrl: adminUrl() }): Database3CX {
  const database = new Database3CX(options);
  opened.push(database);
  return database;
}
function adminUrl(): string {
  const url = new URL(databaseUrl());
  url.pathname = `/${name}`;
  return url.href;
}
async function execute(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
async function writeIni(sections: Record<string, Record<string, string | number>>): Promise<string> {
  const path = join(root, 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini');
  await mkdir(dirname(path), { recursive: true });
  const text = Object.entries(sections).flatMap(([section, keys]) => [
    `[${section}]`,
    ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`),
    '',
  ]);
  await writeFile(path, text.join('\n'));
  return path;
}
const server = () => new URL(databaseUrl());
const v20Ini = (login: Record<string, string>, more = {}) => ({
  QMDatabase: { DBName: name, DBHost: server().hostname, DBPort: server().port },
  DbAdminREADONLY: login,
  ...more,
});
async function read(database: Database3CX, fromMs = T0, toMs = T0 + HOUR): Promise<CdrCall[]> {
  const calls: CdrCall[] = [];
  for await (const call of database.queryCDR(new Date(fromMs), new Date(toMs))) calls.push(call);
  return calls;
}
const failureOf = (promise: Promise<unknown>): Promise<{ code: string; message: string }> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as { code: string; message: string },
  );

const CDROUTPUT = `CREATE TABLE cdroutput (
  cdr_id uuid, call_history_id uuid, main_call_history_id uuid,
  source_entity_type text, source_dn_number text, source_dn_name text, source_participant_name text,
  source_participant_phone_number text, source_participant_trunk_did text,
  destination_entity_type text, destination_dn_number text, destination_participant_name text,
  destination_participant_phone_number text, creation_method text, creation_forward_reason text,
  termination_reason text, termination_reason_details text,
  cdr_started_at timestamptz, cdr_answered_at timestamptz, cdr_ended_at timestamptz)`;
/** Rows of one call, one a second. */
const chain = (call: number, fromMs: number, rows: number) => `INSERT INTO cdroutput
  SELECT lpad(to_hex(n), 32, '0')::uuid, lpad('${call}', 32, '0')::uuid, lpad('${call}', 32, '0')::uuid,
    'external_line', '10000', 'Trunk', '', '+4930', '+4989', 'extension', '101', 'Ada', '101', 'route_to', 'polling',
    'cancelled', 'completed_elsewhere', to_timestamp(${fromMs / 1_000} + n), NULL, to_timestamp(${fromMs / 1_000} + n + 1)
  FROM generate_series(0, ${rows - 1}) AS n`;

describe('the records of V20', () => {
  beforeEach(() => execute(CDROUTPUT));

  test('come as whole calls, the earliest first, each once over the edges of days', async () => {
    await execute(
      chain(1, T0 - 5_000, 10),
      chain(2, T0 + 23 * HOUR + 3_599_000, 3),
      chain(3, T0 + 1_000, 1),
      chain(4, T0 - 60_000, 5),
      chain(5, T0 + 30 * HOUR, 1),
    );
    const calls = await read(open(), T0, T0 + 30 * HOUR);
    expect(calls.map(call => [Number(call.callHistoryId.slice(-4)), call.segments.length])).toEqual([
      [1, 10],
      [3, 1],
      [2, 3],
      [5, 1],
    ]);
    expect(calls[1]).toEqual({
      callHistoryId: '00000000-0000-0000-0000-000000000003',
      mainCallHistoryId: '00000000-0000-0000-0000-000000000003',
      isTruncated: false,
      segments: [
        {
          cdrId: '00000000-0000-0000-0000-000000000000',
          ...{ startedAt: T0 + 1_000, answeredAt: null, endedAt: T0 + 2_000 },
          source: { entityType: 'external_line', dn: '10000', name: 'Trunk', number: '+4930', did: '+4989' },
          destination: { entityType: 'extension', dn: '101', name: 'Ada', number: null, did: null },
          ...{ creationMethod: 'route_to', creationForwardReason: 'polling' },
          ...{ terminationReason: 'cancelled', terminationReasonDetails: 'completed_elsewhere' },
        },
      ],
    });
  });

  test('may be a thousand for one call, and are cut where told', async () => {
    await execute(chain(1, T0, 1_040));
    expect(await read(open())).toMatchObject([{ segments: { length: 1_040 }, isTruncated: false }]);
    expect(await read(open({ databaseUrl: adminUrl(), maxSegments: 1_000 }))).toMatchObject([
      { segments: { length: 1_000 }, isTruncated: true },
    ]);
  });

  test('are fetched as they are taken, and a reader that leaves gives its connection back', async () => {
    await execute(`INSERT INTO cdroutput (cdr_id, call_history_id, cdr_started_at)
      SELECT gen_random_uuid(), gen_random_uuid(), to_timestamp(${T0 / 1_000} + n / 100.0) FROM generate_series(1, 20000) AS n`);
    const database = open();
    for (let i = 0; i < 5; i += 1) {
      let taken = 0;
      for await (const _ of database.queryCDR(new Date(T0), new Date(T0 + HOUR))) {
        taken += 1;
        if (taken < 3) continue;
        const { rows } = await admin.query(
          `SELECT state, query FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in%'`,
          [name],
        );
        expect(rows).toEqual([{ state: 'idle in transaction', query: 'FETCH FORWARD 500 FROM relay_rows' }]);
        break;
      }
    }
    const { rows } = await admin.query(`SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in%'`, [
      name,
    ]);
    expect(rows).toEqual([]);
    expect(await read(database)).toHaveLength(20_000);
  });

  test('can be read but not changed, whatever the account may do', async () => {
    await execute(
      'DROP TABLE cdroutput',
      `CREATE FUNCTION spoil() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
        BEGIN CREATE TABLE spoiled (id int); RETURN now(); END $$`,
      `CREATE VIEW cdroutput AS SELECT 1 AS cdr_id, 1 AS call_history_id, spoil() AS cdr_started_at`,
    );
    const database = open({ databaseUrl: `${adminUrl()}?options=-c%20default_transaction_read_only%3Doff` });
    const error = await failureOf(read(database));
    expect(error.message).toContain('read-only');
  });

  test('that take too long are given up', async () => {
    await execute(chain(1, T0, 1));
    const database = open({ databaseUrl: adminUrl(), statementTimeoutMs: 200 });
    await database.connect();
    const locker = new pg.Client({ connectionString: adminUrl() });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE cdroutput IN ACCESS EXCLUSIVE MODE');
    await expect(read(database)).rejects.toMatchObject({ code: 'PBX_DB_TIMEOUT' });
    await expect(database.check()).resolves.toMatchObject({ latencyMs: expect.any(Number) });
    await locker.end();
    await expect(read(database)).resolves.toHaveLength(1);
  });
});

describe('the records of the specification', () => {
  test('come from its columns', async () => {
    await execute(
      `CREATE TABLE cdr_output (id bigserial, call_history_id text, start_time timestamptz, answer_time timestamptz,
        end_time timestamptz, source_dn text, source_number text, source_name text, destination_dn text,
        destination_number text, destination_name text, did text, direction text, result text)`,
      `INSERT INTO cdr_output VALUES (7, 'c1', to_timestamp(${T0 / 1_000}), to_timestamp(${T0 / 1_000 + 3}),
        to_timestamp(${T0 / 1_000 + 9.5}), '10000', '+4930', 'Bob', '101', '', 'Ada', '+4989', 'inbound', 'answered')`,
    );
    expect(await read(open())).toEqual([
      {
        ...{ callHistoryId: 'c1', mainCallHistoryId: null, isTruncated: false },
        segments: [
          {
            cdrId: '7',
            ...{ startedAt: T0, answeredAt: T0 + 3_000, endedAt: T0 + 9_500 },
            source: { entityType: 'external_line', dn: '10000', name: 'Bob', number: '+4930', did: '+4989' },
            destination: { entityType: null, dn: '101', name: 'Ada', number: null, did: null },
            ...{ creationMethod: null, creationForwardReason: null, terminationReason: null },
            terminationReasonDetails: 'answered',
          },
        ],
      },
    ]);
  });

  test('need no more than the time, which is UTC without a zone', async () => {
    await execute(
      'CREATE TABLE cdr_output (start_time timestamp)',
      `INSERT INTO cdr_output VALUES ('2026-01-01 12:00:00.1239'), ('2026-01-01 12:00:05')`,
    );
    const calls = await read(open());
    expect(calls.map(call => call.segments.map(segment => segment.startedAt))).toEqual([[T0 + 123], [T0 + 5_000]]);
    expect(await read(open(), T0 + 123, T0 + 123)).toHaveLength(1);
  });

  test('are looked for again while they are missing, and a missing table is said to be', async () => {
    const database = open();
    await expect(read(database)).rejects.toMatchObject({
      code: 'PBX_TABLE_ABSENT',
      message: expect.stringContaining('cdroutput or cdr_output'),
    });
    await execute('CREATE TABLE cdr_output (start_time timestamptz)');
    await expect(read(database)).resolves.toEqual([]);
    const states = database.agentStates(new Date(T0), new Date());
    await expect(states.next()).rejects.toMatchObject({
      code: 'PBX_TABLE_ABSENT',
      message: expect.stringContaining('not on this PBX'),
    });
  });

  test('tell of agents where there is a table for that', async () => {
    await execute(
      'CREATE TABLE operator_state_history (id int, operator_dn text, state text, queue_dn text, changed_at timestamptz)',
      `INSERT INTO operator_state_history VALUES (2, '101', 'LoggedOut', '', to_timestamp(${T0 / 1_000 + 5})),
        (1, '101', 'LoggedIn', '800', to_timestamp(${T0 / 1_000}))`,
    );
    const states = [];
    for await (const state of open().agentStates(new Date(T0), new Date(T0 + 5_000))) states.push(state);
    expect(states).toEqual([
      { at: T0, dn: '101', state: 'LoggedIn', queueDn: '800' },
      { at: T0 + 5_000, dn: '101', state: 'LoggedOut', queueDn: null },
    ]);
  });
});

describe('the way in', () => {
  test('is found in the file, with a password that is all signs', async () => {
    await execute(CDROUTPUT, `GRANT SELECT ON cdroutput TO ${role}`, chain(1, T0, 2));
    await writeIni(v20Ini({ User: role, Password: PASSWORD }));
    const database = open({ root });
    expect([database.isConfigured, database.state]).toEqual([true, 'idle']);
    expect(await read(database)).toHaveLength(1);
    expect([database.state, database.error]).toEqual(['connected', null]);
    expect(database.login).toContain(`${role} at`);
    await writeIni({
      CallReports: {
        ...{ SERVER: server().hostname, PORT: server().port, DATABASE: name, USERNAME: role, PASSWORD },
      },
    });
    await database.connect();
    expect(database.login).toContain('[CallReports]');
  });

  test('leads past an account that may not read the records', async () => {
    await execute(CDROUTPUT);
    const { username, password } = server();
    const owner = { CfgServerProfile: { MasterDBUser: username, MasterDBPassword: decodeURIComponent(password) } };
    await writeIni(v20Ini({ User: role, Password: PASSWORD }, owner));
    const database = open({ root });
    await database.connect();
    expect(database.login).toContain('[CfgServerProfile]');
    await writeIni(v20Ini({ User: role, Password: PASSWORD }));
    await database.connect();
    await expect(read(database)).rejects.toMatchObject({
      code: 'PBX_DB_RIGHTS_MISSING',
      message: expect.stringContaining(role),
    });
  });

  test('that is refused tells what was tried, in which order, and what to set, but no password', async () => {
    const path = await writeIni(v20Ini({ User: role, Password: 'wrong secret' }));
    const database = open({ root });
    const error = await failureOf(database.connect());
    expect(error.code).toBe('PBX_DB_CREDENTIALS_REFUSED');
    expect(error.message).toContain(path);
    expect(error.message).toMatch(
      new RegExp(`1\\. ${role} at .*2\\. logsreader_single at .*3\\. phonesystem at .*PBX_DB_URL`),
    );
    expect(error.message).not.toContain('secret');
    expect([database.state, database.error]).toEqual(['down', error.message]);
  });

  test('that is refused is not tried again at every question, but on demand', async () => {
    await writeIni(v20Ini({ User: role, Password: 'wrong' }));
    const database = open({ root });
    await failureOf(database.check());
    await writeIni(v20Ini({ User: role, Password: PASSWORD }));
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_CREDENTIALS_REFUSED' });
    await database.connect();
    await expect(database.check()).resolves.toMatchObject({ latencyMs: expect.any(Number) });
  });

  test('to a database that is not there, and to nobody, are told apart', async () => {
    const url = new URL(databaseUrl());
    url.pathname = '/no_such_database';
    await expect(open({ databaseUrl: url.href }).connect()).rejects.toMatchObject({ code: 'PBX_DB_MISSING' });
    const nobody = 'postgres://u:p@127.0.0.1:1/x';
    await expect(open({ databaseUrl: nobody }).connect()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
  });

  test('to a server that says nothing is given up', async () => {
    const mute = createServer(socket => socket.resume());
    await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const database = open({ databaseUrl: `postgres://u:p@127.0.0.1:${port}/x`, connectTimeoutMs: 100 });
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    await new Promise(resolve => mute.close(resolve));
  });

  test('is absent on a host without a PBX, and nothing is wrong then', async () => {
    const database = open({ root });
    expect([database.isConfigured, database.state, database.error]).toEqual([false, 'absent', null]);
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_ABSENT' });
  });
});

describe('a database that went away', () => {
  test('is found again by the next questions, and what had broken is said', async () => {
    await execute(CDROUTPUT, chain(1, T0, 600), chain(2, T0 + 700_000, 600));
    let now = 0;
    const database = open({ databaseUrl: adminUrl(), now: () => now });
    const calls = database.queryCDR(new Date(T0), new Date(T0 + HOUR));
    await calls.next();
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await expect(
      (async () => {
        for await (const _ of calls);
      })(),
    ).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    now += 5_000;
    await waitFor(() => database.check().then(() => true), { what: 'the database' });
    expect(await read(database)).toHaveLength(2);
  });

  test('that takes no connections is left alone for a second and then found again', async () => {
    await execute(CDROUTPUT);
    let now = 0;
    const database = open({ databaseUrl: adminUrl(), now: () => now });
    await database.check();
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await waitFor(() => failureOf(database.check()).then(error => error.message.includes('accept')), {
      what: 'the refusal',
    });
    await failureOf(database.check());
    expect([database.state, database.error]).toEqual(['down', expect.stringContaining('accept')]);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    now += 1_000;
    await database.check();
    expect(database.state).toBe('connected');
  });
});

describe('the simulated PBX', () => {
  test.each(['v20', 'spec'] as const)('with the layout %s is found and can be read', async layout => {
    const pbx = createPbxDatabase(
      { adminUrl: databaseUrl(), name: `database_${name}`, layout, iniDir: root, isDroppedAtStop: true },
      {
        clock: (await import('../../../test/simulator/pbx/clock.ts')).systemClock,
        ...{ warn: () => undefined, people: [], parameters: {} },
      },
    );
    await pbx.settled;
    const database = open({ root });
    await database.connect();
    expect(database.login).toContain(`logsreader_${name}`);
    expect(await read(database)).toEqual([]);
    await database.stop();
    await pbx.stop();
  });
});
