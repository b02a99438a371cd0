import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseConfig } from '@3cx-relay/shared/runtime/config.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copySettings } from './backup/settings-copy.ts';
import { isElsewhere, readInstallation } from './installation.ts';
import { readSettings, requireSettings } from './settings.ts';

let dir: string;
const path = (name: string) => join(dir, name);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'settings-'));
  for (const folder of ['etc', 'credentials', 'checkout']) mkdirSync(path(folder));
  writeFileSync(path('etc/install.env'), `PREFIX=/opt/elsewhere\nRELAY_INTERNAL_PORT=9084\n`);
  writeFileSync(path('etc/relay.env'), 'FQDN="of the installation"\nDATABASE_URL=postgres://app@h/d\nPORT=1\n');
  writeFileSync(path('etc/owner.env'), 'DATABASE_URL=postgres://owner@h/d\n');
  writeFileSync(path('credentials/relay.env'), 'FQDN=of the credentials\nPORT=2\n');
  writeFileSync(path('named'), 'FQDN=of the file\nPORT=3\nHOST=of the file\n');
  writeFileSync(
    path('checkout/stack.json'),
    JSON.stringify({ relayUrl: 'http://127.0.0.1:1', redisUrl: 'redis://stack' }),
  );
  writeFileSync(path('checkout/secrets.json'), JSON.stringify({ adminSecret: 'of the stack' }));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the environment comes before credentials, those before the named file, and that before the installation', () => {
  const env = { RELAY_CONFIG_DIR: path('etc'), CREDENTIALS_DIRECTORY: path('credentials'), PORT: '9' };
  const { values } = readSettings({ configFile: path('named') }, env);
  expect(values).toMatchObject({ PORT: '9', FQDN: 'of the credentials', HOST: 'of the file' });
});

test('an installation is found, and its owner of the tables comes before the role of its services', () => {
  const { values, installation } = readSettings({}, { RELAY_CONFIG_DIR: path('etc') });
  expect(values.DATABASE_URL).toBe('postgres://owner@h/d');
  expect(installation).toMatchObject({ prefix: '/opt/elsewhere', stateFolder: '/var/lib/3cx-relay' });
  expect(installation?.services.map(({ name, internalPort }) => [name, internalPort])).toEqual([
    ['worker', 8085],
    ['relay', 9084],
    ['ingest', 8083],
  ]);
});

test('on a machine with some of the services the others are elsewhere', () => {
  const some = path('some');
  mkdirSync(some);
  writeFileSync(join(some, 'install.env'), 'SERVICES=relay,worker\n');
  const installation = readInstallation({ RELAY_CONFIG_DIR: some });
  expect(installation?.services.map(({ name }) => name)).toEqual(['worker', 'relay']);
  expect([isElsewhere('ingest', installation), isElsewhere('relay', installation)]).toEqual([true, false]);
  expect(isElsewhere('ingest', null)).toBe(false);
});

test('in a checkout the running stack says the rest', () => {
  const { values, stack } = readSettings(
    { root: dir },
    { RELAY_CONFIG_DIR: '/nowhere', RELAY_DATA_DIR: path('checkout') },
  );
  expect([values.REDIS_URL, values.ADMIN_SECRET, stack?.relayUrl]).toEqual([
    'redis://stack',
    'of the stack',
    'http://127.0.0.1:1',
  ]);
});

test('a file that is named and is not there is an error, and an unreadable one says who can read it', () => {
  expect(() => readSettings({ configFile: path('none') }, {})).toThrow('is not there');
  const settings = {
    ...readSettings({}, { RELAY_CONFIG_DIR: path('checkout') }),
    unreadable: '/etc/3cx-relay/relay.env',
  };
  expect(() => requireSettings({ ...settings, values: {} }, databaseConfig)).toThrow('run this with sudo');
});

test('a copy without secrets says which were there', () => {
  const text = 'FQDN=pbx\n# a note\nADMIN_SECRET=abc\nREDIS_URL=redis://u:pw@h\nEMPTY_SECRET=\n';
  expect(copySettings(text, { withSecrets: false })).toBe(
    'FQDN=pbx\n# a note\n# ADMIN_SECRET is a secret and not in this backup\n# REDIS_URL is a secret and not in this backup\nEMPTY_SECRET=\n',
  );
  expect(copySettings(text, { withSecrets: true })).toBe(text);
});
