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

test('a credential that is not there is no error, one that cannot be read is', () => {
  expect(readSettings({ CREDENTIALS_DIRECTORY: join(folder, 'none'), PORT: '2' })).toMatchObject({ PORT: '2' });
  writeFileSync(join(folder, 'file'), '');
  expect(() => readSettings({ CREDENTIALS_DIRECTORY: join(folder, 'file') })).toThrow('cannot be read');
});
