import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Database3CX } from '@3cx-relay/ingest/pbx/database/database-3cx.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../harness/infra-access.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { iniPath } from '../../simulator/database/ini-file.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import { createSimulatorClient } from '../../simulator/simulator-client.ts';

/** `3CXPhoneSystem.ini` in both layouts and at both places, and what is said when it leads nowhere (3cx.md C8, C9). */
const credentials = { clientId: 'relay', clientSecret: 's' };
const stops: (() => unknown)[] = [];
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'awkward-ini-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await rm(root, { recursive: true, force: true });
});

const layouts = ['v20', 'spec'] as const;
type Layout = (typeof layouts)[number];

/** A PBX with a database and its ini file of this layout, below `root/pbx`. */
async function startPbx(layout: Layout): Promise<{ ini: string; play: () => Promise<void> }> {
  const iniDir = join(root, 'pbx');
  const name = `database_${randomBytes(5).toString('hex')}`;
  const simulator = await createSimulator({
    ...credentials,
    timeScale: 0.05,
    lateness: { minMs: 0, maxMs: 0, updatedShare: 0 },
    database: { adminUrl: databaseUrl(), name, layout, iniDir, isDroppedAtStop: true },
  });
  stops.push(() => simulator.stop());
  const sim = createSimulatorClient(simulator.url, credentials);
  await waitFor(async () => ((await sim.get('/sim/database')).body as { state: string }).state === 'ready', {
    what: 'the database',
  });
  return {
    ini: iniPath(iniDir, layout),
    play: async () => void (await sim.post('/sim/calls', { scenario: 'missed', dn: '101', ringMs: 20 })),
  };
}

function openDatabase(options: { root?: string; iniPath?: string }): Database3CX {
  const database = new Database3CX(options);
  stops.push(() => database.stop());
  return database;
}

async function place(text: string, at: Layout = 'v20'): Promise<string> {
  const path = iniPath(root, at);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const failure = (database: Database3CX) =>
  database.connect().then(
    () => ({ code: 'none', message: '' }),
    (error: { code: string; message: string }) => error,
  );

describe.each(layouts)('C8: the ini file of layout %s', layout => {
  test('is found at either place, and leads to the table of records that this PBX has (C7)', async () => {
    const { ini, play } = await startPbx(layout);
    await play();
    for (const at of layouts) {
      const path = iniPath(root, at);
      await mkdir(dirname(path), { recursive: true });
      await copyFile(ini, path);
      const database = openDatabase({ root });
      await database.connect();
      expect(database.source?.login).toContain(layout === 'v20' ? '[DbAdminREADONLY]' : '[CallReports]');
      const calls = await waitFor(
        async () => {
          const found = [];
          for await (const call of database.queryCDR(new Date(Date.now() - 60_000), new Date())) found.push(call);
          return found.length > 0 && found;
        },
        { what: 'the record' },
      );
      expect(calls).toHaveLength(1);
      await rm(path);
    }
  });

  test('with a wrong password says what was tried, in which order, and what to set, and no password', async () => {
    const { ini } = await startPbx(layout);
    const text = (await readFile(ini, 'utf8')).replace(/(Password|PASSWORD) = \S+/g, '$1 = mistyped-secret');
    const path = await place(text);
    const { code, message } = await failure(openDatabase({ root }));
    expect(code).toBe('PBX_DB_CREDENTIALS_REFUSED');
    expect(message).toContain(path);
    expect(message).toMatch(
      layout === 'v20' ? /1\. logsreader.*2\. .*3\. .*PBX_DB_URL/ : /1\. logsreader.*CallReports.*PBX_DB_URL/,
    );
    expect(message).not.toContain('mistyped');
  });
});

describe('C8: an ini file that leads nowhere', () => {
  test('nowhere to be found: both places are named, and what to set', async () => {
    const { code, message } = await failure(openDatabase({ root }));
    expect(code).toBe('PBX_DB_ABSENT');
    for (const at of layouts) expect(message).toContain(iniPath(root, at));
    expect(message).toMatch(/set PBX_INI or PBX_DB_URL/);
  });

  test('not where PBX_INI says: that one is named', async () => {
    const { code, message } = await failure(openDatabase({ iniPath: join(root, 'wrong.ini') }));
    expect(code).toBe('PBX_INI_MISSING');
    expect(message).toMatch(/wrong\.ini: set PBX_INI/);
  });

  test('with sections nobody knows: what it has and what it needs are told', async () => {
    await place('[General]\nAppPath = /usr/lib/3cxpbx\n\n[Database]\nPassword = abc\n');
    const { code, message } = await failure(openDatabase({ root }));
    expect(code).toBe('PBX_INI_UNKNOWN');
    expect(message).toMatch(
      /\[general\], \[database\].*\[DbAdminREADONLY\], \[CallReports\] or \[CfgServerProfile\].*PBX_DB_URL/,
    );
  });
});

describe('C9: a file that names no port', () => {
  test.each([
    ['V16 to V20', '[QMDatabase]\nDBName = d\nDBHost = 127.0.0.1\n[DbAdminREADONLY]\nUser = u\nPassword = p\n', 5432],
    ['the specification', '[CallReports]\nSERVER = 127.0.0.1\nDATABASE = d\nUSERNAME = u\nPASSWORD = p\n', 5480],
  ])('is asked at the port of %s', async (_, text, port) => {
    await place(text);
    expect((await failure(openDatabase({ root }))).message).toContain(`u at 127.0.0.1:${port}/d`);
  });
});
