import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../../../test/harness/infra-access.ts';
import { waitFor } from '../../../../test/harness/wait-for.ts';
import { createPbxDatabase } from '../../../../test/simulator/database/pbx-database.ts';
import { systemClock } from '../../../../test/simulator/pbx/clock.ts';
import { accessOfUrl } from './database-session.ts';
import {
  CDROUTPUT,
  chain,
  createDatabaseStand,
  type DatabaseStand,
  failureOf,
  HOUR,
  readCalls,
  T0,
} from './database-stand.ts';

let stand: DatabaseStand;
beforeEach(async () => {
  stand = await createDatabaseStand();
});
afterEach(() => stand.stop());

async function writeIni(sections: Record<string, Record<string, string | number>>): Promise<string> {
  const path = join(stand.root, 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini');
  await mkdir(dirname(path), { recursive: true });
  const text = Object.entries(sections).flatMap(([section, keys]) => [
    `[${section}]`,
    ...Object.entries(keys).map(([key, value]) => `${key} = ${value}`),
    '',
  ]);
  await writeFile(path, text.join('\n'));
  return path;
}
const connectionsOf = (hanging: Server) =>
  new Promise<number>(resolve => hanging.getConnections((_, count) => resolve(count)));
const server = () => new URL(databaseUrl());
const v20Ini = (login: Record<string, string>, more = {}) => ({
  QMDatabase: { DBName: stand.name, DBHost: server().hostname, DBPort: server().port },
  DbAdminREADONLY: login,
  ...more,
});

describe('the way in', () => {
  test('is read anew when an operator asks for it, also while a server that hangs is being dialled', async () => {
    const hanging = createServer();
    await new Promise<void>(resolve => hanging.listen(0, '127.0.0.1', resolve));
    const { port } = hanging.address() as AddressInfo;
    const login = { User: stand.role, Password: stand.password };
    await writeIni({ ...v20Ini(login), QMDatabase: { DBName: stand.name, DBHost: '127.0.0.1', DBPort: port } });
    const database = stand.open({ root: stand.root, connectTimeoutMs: 500 });
    const looking = failureOf(database.check());
    await waitFor(async () => (await connectionsOf(hanging)) > 0, { what: 'the dialling' });
    await writeIni(v20Ini(login));
    await database.connect();
    expect((await looking).code).toBe('PBX_DB_UNREACHABLE');
    expect(database.state).toBe('connected');
    hanging.close();
  });

  test('is closed behind a connection that comes up after the stop', async () => {
    const database = stand.open();
    const looking = failureOf(database.check());
    await database.stop();
    expect((await looking).message).toContain('was closed');
    expect(database.state).not.toBe('connected');
  });

  test('is found in the file, with a password that is all signs', async () => {
    await stand.execute(CDROUTPUT, `GRANT SELECT ON cdroutput TO ${stand.role}`, chain(1, T0, 2));
    await writeIni(v20Ini({ User: stand.role, Password: stand.password }));
    const database = stand.open({ root: stand.root });
    expect([database.isConfigured, database.state]).toEqual([true, 'idle']);
    expect(await readCalls(database)).toHaveLength(1);
    expect([database.state, database.error]).toEqual(['connected', null]);
    const { origin, login, records } = database.source ?? {};
    expect([origin, records]).toEqual([expect.stringMatching(/3CXPhoneSystem\.ini$/), 'cdroutput']);
    expect(login).toMatch(new RegExp(`^${stand.role} at .* \\(\\[DbAdminREADONLY\\]\\)$`));
    await writeIni({
      CallReports: {
        ...{
          SERVER: server().hostname,
          PORT: server().port,
          DATABASE: stand.name,
          USERNAME: stand.role,
          PASSWORD: stand.password,
        },
      },
    });
    await database.connect();
    expect(database.source?.login).toContain('[CallReports]');
  });

  test('leads past an account that may not read the records', async () => {
    await stand.execute(CDROUTPUT);
    const { username, password } = server();
    const owner = { CfgServerProfile: { MasterDBUser: username, MasterDBPassword: decodeURIComponent(password) } };
    await writeIni(v20Ini({ User: stand.role, Password: stand.password }, owner));
    const database = stand.open({ root: stand.root });
    await database.connect();
    expect(database.source?.login).toContain('[CfgServerProfile]');
    await writeIni(v20Ini({ User: stand.role, Password: stand.password }));
    await database.connect();
    await expect(readCalls(database)).rejects.toMatchObject({
      code: 'PBX_DB_RIGHTS_MISSING',
      message: expect.stringContaining(stand.role),
    });
  });

  test('that is refused tells what was tried, in which order, and what to set, but no password', async () => {
    const path = await writeIni(v20Ini({ User: stand.role, Password: 'wrong secret' }));
    const database = stand.open({ root: stand.root });
    const error = await failureOf(database.connect());
    expect(error.code).toBe('PBX_DB_CREDENTIALS_REFUSED');
    expect(error.message).toContain(path);
    expect(error.message).toMatch(
      new RegExp(`1\\. ${stand.role} at .*2\\. logsreader_single at .*3\\. phonesystem at .*PBX_DB_URL`),
    );
    expect(error.message).not.toContain('secret');
    expect([database.state, database.error]).toEqual(['down', error.message]);
  });

  test('that is refused is not tried again at every question, but on demand', async () => {
    await writeIni(v20Ini({ User: stand.role, Password: 'wrong' }));
    const database = stand.open({ root: stand.root });
    await failureOf(database.check());
    await writeIni(v20Ini({ User: stand.role, Password: stand.password }));
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_CREDENTIALS_REFUSED' });
    await database.connect();
    await expect(database.check()).resolves.toMatchObject({ latencyMs: expect.any(Number) });
  });

  test('to a database that is not there, and to nobody, are told apart', async () => {
    const url = new URL(databaseUrl());
    url.pathname = '/no_such_database';
    await expect(stand.open({ databaseUrl: url.href }).connect()).rejects.toMatchObject({ code: 'PBX_DB_MISSING' });
    const nobody = 'postgres://u:p@127.0.0.1:1/x';
    await expect(stand.open({ databaseUrl: nobody }).connect()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
  });

  test('to a server that is dead is not tried with every login', async () => {
    const dead = { DBName: stand.name, DBHost: '127.0.0.1', DBPort: 1 };
    await writeIni({ QMDatabase: dead, DbAdminREADONLY: { User: stand.role, Password: stand.password } });
    const error = await failureOf(stand.open({ root: stand.root }).connect());
    expect(error.code).toBe('PBX_DB_UNREACHABLE');
    expect(error.message).toContain('1. ');
    expect(error.message).not.toContain('2. ');
  });

  test('by address cannot undo that the session only reads, and is named without its password', () => {
    const access = accessOfUrl('postgres://me:secret@pbx:5433/single?options=-c%20default_transaction_read_only%3Doff');
    expect(access.config.connectionString).toBe('postgres://me:secret@pbx:5433/single');
    expect(access.name).toBe('me at pbx:5433/single (PBX_DB_URL)');
  });

  test('to a server that says nothing is given up', async () => {
    const mute = createServer(socket => socket.resume());
    await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const database = stand.open({ databaseUrl: `postgres://u:p@127.0.0.1:${port}/x`, connectTimeoutMs: 100 });
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    await new Promise(resolve => mute.close(resolve));
  });

  test('is absent on a host without a PBX, and nothing is wrong then', async () => {
    const database = stand.open({ root: stand.root });
    expect([database.isConfigured, database.state, database.error]).toEqual([false, 'absent', null]);
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_ABSENT' });
  });
});

describe('a database that went away', () => {
  /** A backend that is told to go serves what it has begun. */
  const sessionsEnd = () =>
    waitFor(
      async () =>
        (await stand.admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [stand.name])).rowCount === 0,
      { what: 'the end of the session' },
    );

  test('is found again by the next questions, and what had broken is said', async () => {
    await stand.execute(CDROUTPUT, chain(1, T0, 600), chain(2, T0 + 700_000, 600));
    let now = 0;
    const database = stand.open({ databaseUrl: stand.url, now: () => now });
    const calls = database.queryCDR(new Date(T0), new Date(T0 + HOUR));
    await calls.next();
    await stand.admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [stand.name]);
    await sessionsEnd();
    await expect(
      (async () => {
        for await (const _ of calls);
      })(),
    ).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    now += 5_000;
    await waitFor(() => database.check().then(() => true), { what: 'the database' });
    expect(await readCalls(database)).toHaveLength(2);
  });

  test('between two batches is news for the reader and for nobody else', async () => {
    await stand.execute(CDROUTPUT, chain(1, T0, 600), chain(2, T0 + 700_000, 600));
    const calls = stand.open().queryCDR(new Date(T0), new Date(T0 + HOUR));
    await calls.next();
    await stand.admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [stand.name]);
    await sessionsEnd();
    await new Promise(resolve => setImmediate(resolve));
    await expect(calls.next()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
  });

  test('that takes no connections is left alone for a second and then found again', async () => {
    await stand.execute(CDROUTPUT);
    let now = 0;
    const database = stand.open({ databaseUrl: stand.url, now: () => now });
    await database.check();
    await stand.admin.query(`ALTER DATABASE ${stand.name} ALLOW_CONNECTIONS false`);
    await stand.admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [stand.name]);
    await waitFor(() => failureOf(database.check()).then(error => error.message.includes('accept')), {
      what: 'the refusal',
    });
    await failureOf(database.check());
    expect([database.state, database.error]).toEqual(['down', expect.stringContaining('accept')]);
    await stand.admin.query(`ALTER DATABASE ${stand.name} ALLOW_CONNECTIONS true`);
    await expect(database.check()).rejects.toMatchObject({ code: 'PBX_DB_UNREACHABLE' });
    now += 1_000;
    await database.check();
    expect(database.state).toBe('connected');
  });
});

describe('the simulated PBX', () => {
  test.each(['v20', 'spec'] as const)('with the layout %s is found and can be read', async layout => {
    const pbx = createPbxDatabase(
      { adminUrl: databaseUrl(), name: `database_${stand.name}`, layout, iniDir: stand.root, isDroppedAtStop: true },
      {
        clock: systemClock,
        ...{ warn: () => undefined, people: [], parameters: {} },
      },
    );
    await pbx.settled;
    const database = stand.open({ root: stand.root });
    await database.connect();
    expect(database.source?.login).toContain(`logsreader_${stand.name}`);
    expect(await readCalls(database)).toEqual([]);
    await database.stop();
    await pbx.stop();
  });
});
