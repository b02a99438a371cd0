import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { databaseUrl } from '../../harness/infra-access.ts';
import { systemClock } from '../pbx/clock.ts';
import { createRandom } from '../pbx/random.ts';
import { until } from '../simulator-client.ts';
import { insideParty, queueParty, segmentOf, someId, uniqueDatabaseName } from './fixtures.ts';
import { createPbxDatabase, type PbxDatabaseOptions } from './pbx-database.ts';
import { type Lateness, SegmentLog } from './segment-log.ts';

const atOnce: Lateness = { minMs: 0, maxMs: 0, updatedShare: 0 };

async function startDatabase(options: Partial<PbxDatabaseOptions> = {}, lateness: Partial<Lateness> = atOnce) {
  const root = mkdtempSync(join(tmpdir(), 'pbx-database-'));
  const warnings: string[] = [];
  const database = createPbxDatabase(
    { adminUrl: databaseUrl(), name: uniqueDatabaseName(), iniDir: root, isDroppedAtStop: true, ...options },
    {
      clock: systemClock,
      warn: message => warnings.push(message),
      people: [{ id: 1, dn: '101', name: 'Amelia Hart' }],
      parameters: { WEB_ROOT_LOCAL: 'http://127.0.0.1:5000' },
    },
  );
  onTestFinished(async () => {
    await database.stop();
    rmSync(root, { recursive: true });
  });
  const log = new SegmentLog(
    { clock: systemClock, random: createRandom(1, 'cdr'), onBooked: booked => database.add(booked) },
    lateness,
  );
  const readerUrl = String(database.describe().readerUrl);
  const query = async <Row extends pg.QueryResultRow>(statement: string, url = readerUrl): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(statement)).rows;
    } finally {
      await client.end();
    }
  };
  return { database, log, query, root, warnings, readerUrl };
}

const columnsOf = (table: string) =>
  `SELECT column_name FROM information_schema.columns WHERE table_name = '${table}' ORDER BY ordinal_position`;

test('a segment is in cdroutput with all 42 columns, and its reader can change nothing', async () => {
  const { database, log, query } = await startDatabase();
  expect(await database.settled).toBe('ready');
  const segment = segmentOf({
    destination: queueParty(),
    terminationReason: 'continued_in',
    continuedInCdrId: someId(),
  });
  log.add(segment);
  await until('the row is there', async () => (await query('SELECT FROM cdroutput')).length === 1);

  expect(await query(columnsOf('cdroutput'))).toHaveLength(42);
  expect(await query('SELECT * FROM cdroutput')).toEqual([
    expect.objectContaining({
      cdr_id: segment.cdrId,
      call_history_id: segment.callHistoryId,
      continued_in_cdr_id: segment.continuedInCdrId,
      source_participant_trunk_did: '+493023125900',
      source_participant_group_name: '__DEFAULT__',
      destination_entity_type: 'queue',
      destination_dn_number: '800',
      termination_reason: 'continued_in',
      cdr_started_at: new Date(segment.startedAt),
      cdr_answered_at: new Date(segment.answeredAt ?? 0),
      cdr_ended_at: new Date(segment.endedAt),
      processed: true,
      migrated: false,
    }),
  ]);
  expect(await query('SELECT * FROM cdrbilling')).toMatchObject([{ cdr_id: segment.cdrId }]);
  expect(await query('SELECT * FROM users_view')).toEqual([{ id: 1, dn: '101', display_name: 'Amelia Hart' }]);
  expect(await query("SELECT value FROM parameter WHERE name = 'WEB_ROOT_LOCAL'")).toHaveLength(1);
  await expect(query('DELETE FROM cdroutput')).rejects.toThrow('permission denied');
  await expect(query('CREATE TABLE mine ()')).rejects.toThrow('permission denied');
});

test('the spec layout has one row per segment and tells what its agents did', async () => {
  const { database, log, query } = await startDatabase({ layout: 'spec' });
  await database.settled;
  const callHistoryId = someId();
  const queueSegment = segmentOf({
    callHistoryId,
    answeredAt: null,
    destination: queueParty(),
    terminationReason: 'continued_in',
  });
  const poll = { callHistoryId, originatingCdrId: queueSegment.cdrId, creationForwardReason: 'polling' };
  log.add(segmentOf({ ...poll, answeredAt: null, terminationReason: 'cancelled', destination: insideParty('102') }));
  log.add(queueSegment);
  log.add(segmentOf({ ...poll, destination: insideParty('101') }));
  await until('the rows are there', async () => (await query('SELECT FROM cdr_output')).length === 3);

  expect(
    await query('SELECT id, call_history_id, destination_dn, did, direction, result FROM cdr_output ORDER BY id'),
  ).toEqual([
    {
      id: '1',
      call_history_id: callHistoryId,
      destination_dn: '102',
      did: '+493023125900',
      direction: 'inbound',
      result: 'cancelled',
    },
    {
      id: '2',
      call_history_id: callHistoryId,
      destination_dn: '800',
      did: '+493023125900',
      direction: 'inbound',
      result: 'redirected',
    },
    {
      id: '3',
      call_history_id: callHistoryId,
      destination_dn: '101',
      did: '+493023125900',
      direction: 'inbound',
      result: 'answered',
    },
  ]);
  expect(
    await query("SELECT state, queue_dn FROM operator_state_history WHERE operator_dn = '101' ORDER BY id"),
  ).toEqual([
    { state: 'logged_in', queue_dn: null },
    { state: 'ringing', queue_dn: '800' },
    { state: 'talking', queue_dn: '800' },
    { state: 'available', queue_dn: '800' },
  ]);
  expect(await query("SELECT DISTINCT queue_dn FROM operator_state_history WHERE state = 'ringing'")).toEqual([
    { queue_dn: '800' },
  ]);
  expect(await query(columnsOf('cdroutput'))).toEqual([]);
});

test('a row comes late, and some lack at first what the PBX fills in last', async () => {
  const { database, log, query } = await startDatabase({}, { minMs: 300, maxMs: 600, updatedShare: 1 });
  await database.settled;
  const addedAt = Date.now();
  const main = someId();
  for (let index = 0; index < 300; index++) log.add(segmentOf({ mainCallHistoryId: main, answeredAt: null }));
  const count = async (where: string) =>
    Number((await query<{ count: string }>(`SELECT count(*) FROM cdroutput WHERE ${where}`))[0]?.count);

  await until('first rows are there', async () => (await count('true')) > 0);
  expect(Date.now() - addedAt).toBeGreaterThanOrEqual(300);
  await until('unfinished rows are there', async () => (await count('NOT processed')) > 0);
  expect(await count(`NOT processed AND main_call_history_id = '${main}'`)).toBe(0);
  await until(
    'every row is whole',
    async () => (await count(`processed AND main_call_history_id = '${main}'`)) === 300,
  );
  expect(await count('true')).toBe(300);
  expect(database.describe()).toMatchObject({ rows: { waiting: 0, written: 300, dropped: 0 } });
});

test.each([
  ['v20', 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini'],
  ['spec', 'var/lib/3cxpbx/Instance1/Bin/3CXPhoneSystem.ini'],
] as const)('the ini file of %s stands where that PBX keeps it and opens the database', async (layout, place) => {
  const { database, query, root } = await startDatabase({ layout });
  const path = join(root, place);
  expect(database.describe().ini).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, 'utf8');
  const value = (section: string, key: string) =>
    new RegExp(`^\\[${section}\\]\\n(?:.+\\n)*?${key} = (.*)$`, 'm').exec(text)?.[1];
  const login =
    layout === 'v20'
      ? {
          user: value('DbAdminREADONLY', 'User'),
          password: value('DbAdminREADONLY', 'Password'),
          host: value('CfgServerProfile', 'DBHost'),
          port: value('CfgServerProfile', 'DBPort'),
          name: value('QMDatabase', 'DBName'),
        }
      : {
          user: value('CallReports', 'USERNAME'),
          password: value('CallReports', 'PASSWORD'),
          host: value('CallReports', 'SERVER'),
          port: value('CallReports', 'PORT'),
          name: value('CallReports', 'DATABASE'),
        };
  await database.settled;
  const url = `postgres://${login.user}:${login.password}@${login.host}:${login.port}/${login.name}`;
  expect(await query('SELECT current_user AS me', url)).toEqual([{ me: login.user }]);
});

test('a database that is down cuts its reader off, comes back by itself, and no row is lost or doubled', async () => {
  const { database, log, query } = await startDatabase();
  await database.settled;
  log.add(segmentOf());
  await until('the row is there', async () => (await query('SELECT FROM cdroutput')).length === 1);

  const downSince = Date.now();
  expect(await database.faults.apply('database-down', 700)).toMatchObject({ ms: 700 });
  expect(database.faults.active()).toMatchObject([{ kind: 'database-down' }]);
  await expect(query('SELECT 1')).rejects.toThrow('not currently accepting connections');
  for (let index = 0; index < 50; index++) log.add(segmentOf());

  await until(
    'the rows have followed',
    async () => (await query('SELECT FROM cdroutput').catch(() => [])).length === 51,
  );
  expect(Date.now() - downSince).toBeGreaterThanOrEqual(700);
  expect(database.faults.active()).toEqual([]);
});

test('a database that goes down while a session of the PBX is between two statements ends nobody', async () => {
  const { database, query } = await startDatabase();
  await database.settled;
  // It holds its lock by a transaction in which nothing is under way.
  await database.faults.apply('database-slow', 60_000);
  await database.faults.apply('database-down', 200);
  await until('the database is back', async () => (await query('SELECT 1').catch(() => [])).length === 1);
  await database.faults.clear();
  expect(database.faults.active()).toEqual([]);
});

test('a changed password locks the reader out until the fault ends, while the PBX itself goes on writing', async () => {
  const { database, log, query } = await startDatabase();
  await database.settled;
  await database.faults.apply('database-password', undefined);
  await expect(query('SELECT 1')).rejects.toThrow('password authentication failed');
  log.add(segmentOf());
  await until('the row is written', () => Object(database.describe().rows).written === 1);
  await database.faults.clear();
  expect(await query('SELECT FROM cdroutput')).toHaveLength(1);
});

test('a slow database holds its reader up for the time of the fault', async () => {
  const { database, query } = await startDatabase();
  await database.settled;
  const startedAt = performance.now();
  await database.faults.apply('database-slow', 400);
  await query('SELECT FROM cdroutput');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(390);
});

test('a second run finds the rows and the passwords of the first, and numbers go on', async () => {
  const name = uniqueDatabaseName();
  const first = await startDatabase({ name, layout: 'spec', isDroppedAtStop: false });
  await first.database.settled;
  first.log.add(segmentOf());
  await until('the row is there', async () => (await first.query('SELECT FROM cdr_output')).length === 1);
  await first.database.faults.apply('database-down', 60_000);
  await first.database.stop();

  const second = await startDatabase({ name, layout: 'spec' });
  expect(await second.database.settled).toBe('ready');
  second.log.add(segmentOf());
  await until('the second row is there', async () => (await first.query('SELECT FROM cdr_output')).length === 2);
  expect(await first.query('SELECT id FROM cdr_output ORDER BY id')).toEqual([{ id: '1' }, { id: '2' }]);
});

test('a role without the rights is told once what it lacks, and no ini file leads a reader astray', async () => {
  const giver = await startDatabase();
  await giver.database.settled;
  const { database, log, warnings, root } = await startDatabase({ adminUrl: giver.readerUrl, isDroppedAtStop: false });
  expect(await database.settled).toBe('refused');
  log.add(segmentOf());
  expect(warnings).toEqual([expect.stringContaining('lacks CREATEDB and CREATEROLE')]);
  expect(() => statSync(join(root, 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini'))).toThrow('ENOENT');
});

test('what somebody else made under the same name is left alone', async () => {
  const giver = await startDatabase();
  const name = uniqueDatabaseName();
  const role = name.replace('database_', 'phonesystem_');
  await giver.query(`CREATE ROLE ${role} LOGIN PASSWORD 'of the real one'`, databaseUrl());
  onTestFinished(async () => void (await giver.query(`DROP ROLE ${role}`, databaseUrl())));
  const { database, warnings } = await startDatabase({ name });
  expect(await database.settled).toBe('refused');
  expect(warnings).toEqual([expect.stringContaining(`The role ${role} was not made by the simulator`)]);
  await database.stop();
  const url = new URL(databaseUrl());
  [url.username, url.password, url.pathname] = [role, 'of the real one', '/postgres'];
  expect(await giver.query('SELECT current_user AS me', url.href)).toEqual([{ me: role }]);
});

test('a server that is away at first is asked again until it is there', async () => {
  const away = new URL(databaseUrl());
  away.port = '1';
  const { database, warnings } = await startDatabase({ adminUrl: away.href, isDroppedAtStop: false });
  await until('it was tried', () => warnings.length > 0);
  expect(warnings).toEqual([expect.stringContaining('cannot be made yet: connect ECONNREFUSED')]);
  await database.stop();
  expect(await database.settled).toBe('refused');
});

test('what a stopped PBX leaves when told to drop is nothing', async () => {
  const { database, readerUrl, query } = await startDatabase();
  await database.settled;
  await database.stop();
  const { username: role, pathname } = new URL(readerUrl);
  expect(await query(`SELECT FROM pg_database WHERE datname = '${pathname.slice(1)}'`, databaseUrl())).toEqual([]);
  const suffix = role.replace('logsreader_', '');
  expect(await query(`SELECT FROM pg_roles WHERE rolname LIKE '%${suffix}'`, databaseUrl())).toEqual([]);
});
