import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSettings } from './credentials.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('without a folder of credentials the settings are the environment', () => {
  const env = { PORT: '1' };
  expect(readSettings(env)).toBe(env);
});

test('the environment wins over the credentials, and the owner of the tables over the service role', () => {
  writeFileSync(
    join(folder, 'relay.env'),
    '# ours\nPORT=1\nADMIN_SECRET="a \'b\' #c"\nDATABASE_URL=postgres://relay_app\n',
  );
  writeFileSync(join(folder, 'owner.env'), 'DATABASE_URL=postgres://relay\n');
  expect(readSettings({ CREDENTIALS_DIRECTORY: folder, PORT: '2' })).toEqual({
    CREDENTIALS_DIRECTORY: folder,
    PORT: '2',
    ADMIN_SECRET: "a 'b' #c",
    DATABASE_URL: 'postgres://relay',
  });
});

test('what one service alone is handed wins over what all are, but not an empty place for it', () => {
  writeFileSync(join(folder, 'relay.env'), 'FQDN=pbx.example.com\nCLIENT_ID=old\nADMIN_SECRET=old\n');
  writeFileSync(join(folder, 'pbx.env'), 'FQDN=\nCLIENT_ID=new\n');
  writeFileSync(join(folder, 'admin.env'), 'ADMIN_SECRET=new\n');
  expect(readSettings({ CREDENTIALS_DIRECTORY: folder })).toMatchObject({
    ...{ FQDN: 'pbx.example.com', CLIENT_ID: 'new', ADMIN_SECRET: 'new' },
  });
});

test('a credential that is not there is no error, one that cannot be read is', () => {
  expect(readSettings({ CREDENTIALS_DIRECTORY: join(folder, 'none'), PORT: '2' })).toMatchObject({ PORT: '2' });
  writeFileSync(join(folder, 'file'), '');
  expect(() => readSettings({ CREDENTIALS_DIRECTORY: join(folder, 'file') })).toThrow('cannot be read');
});
