import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loginsOf, parsePbxIni } from './pbx-ini.ts';
import { findPbxInis, notReadable, readPbxInis } from './pbx-ini-file.ts';

const linux = { osUser: 'relay', platform: 'linux' };
const V20 = `[General]
AppPath = /usr/lib/3cxpbx
[CfgServerProfile]
DBHost = 127.0.0.1
DBPort = 5433
MasterDBUser = phonesystem
MasterDBPassword = master
[QMDatabase]
DBName = database_single
DBHost = localhost
DBPort = 5434
[DbAdminREADONLY]
User = logsreader_x
Password = read`;

describe('the file of V20', () => {
  test('gives the read-only account first and the owner last', () => {
    const logins = loginsOf(parsePbxIni(V20), linux);
    expect(logins.map(({ section, user, password }) => [section, user, password])).toEqual([
      ['[DbAdminREADONLY]', 'logsreader_x', 'read'],
      ['[DbAdminREADONLY]', 'logsreader_single', 'read'],
      ['[DbAdminREADONLY]', 'phonesystem', 'read'],
      ['[CfgServerProfile]', 'phonesystem', 'master'],
    ]);
    expect(logins[0]).toMatchObject({ host: 'localhost', port: 5434, database: 'database_single' });
  });

  test('without server and port is the usual ones', () => {
    const [login] = loginsOf(parsePbxIni('[DbAdminREADONLY]\nPassword = x'), linux);
    expect(login).toMatchObject({
      host: '127.0.0.1',
      port: 5432,
      database: 'database_single',
      user: 'logsreader_single',
    });
  });

  test('lets the service account of 3CX in without a password, last', () => {
    const logins = loginsOf(parsePbxIni(V20), { ...linux, osUser: 'phonesystem' });
    expect(logins.at(-1)).toMatchObject({
      host: '/var/run/postgresql',
      port: 5434,
      user: 'phonesystem',
      password: null,
    });
  });
});

describe('the file of the specification', () => {
  test('has its own port, and may leave everything but the password out', () => {
    const [login] = loginsOf(parsePbxIni('[CallReports]\r\nPASSWORD=p\r\n'), linux);
    expect(login).toEqual({
      ...{ section: '[CallReports]', host: '127.0.0.1', port: 5480, database: 'phonesystem', user: 'logsreader' },
      password: 'p',
    });
  });

  test('inside the other one comes after the read-only accounts', () => {
    const both = `${V20}\n[CallReports]\nSERVER=10.0.0.1\nPORT=6000\nDATABASE=d\nUSERNAME=u\nPASSWORD=p`;
    expect(loginsOf(parsePbxIni(both), linux).map(login => login.section)).toEqual([
      ...['[DbAdminREADONLY]', '[DbAdminREADONLY]', '[DbAdminREADONLY]'],
      ...['[CallReports]', '[CfgServerProfile]'],
    ]);
  });
});

describe('a password', () => {
  test.each([
    'a;b#c',
    '"quoted"',
    "'single'",
    'back\\slash\\',
    '[brackets]',
    'x[]',
    'a=b=c',
    'true',
    'null',
    'é€😀',
    '{"json":1}',
    '\\;\\#',
    '#hash',
  ])('like %s arrives as it stands', password => {
    const text = `; a comment = x\n# another\n[DbAdminREADONLY]\n  User = u\nPassword = ${password}\t\n`;
    expect(parsePbxIni(text).dbadminreadonly).toEqual({ user: 'u', password });
  });

  test('of any printable kind arrives as it stands', () => {
    const printable = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter(text => text === text.trim() && !/[\r\n\p{Cc}\u2028\u2029]/u.test(text));
    fc.assert(
      fc.property(printable, password => {
        expect(parsePbxIni(`[CallReports]\nPASSWORD = ${password}`).callreports?.password).toBe(password);
      }),
    );
  });
});

describe('a file that nobody wrote like this', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'CallReports',
      'DbAdminREADONLY',
      'CfgServerProfile',
      '__proto__',
      'constructor',
      'a.b',
      'CallReports.x',
    ),
    fc.string({ maxLength: 12 }),
  );
  const key = fc.oneof(
    fc.constantFrom('PASSWORD', 'Password', 'User[]', '__proto__', 'toString', 'DBPort'),
    fc.string({ maxLength: 8 }),
  );
  const line = fc.oneof(
    name.map(text => `[${text}]`),
    fc.tuple(key, fc.string({ unit: 'binary', maxLength: 20 })).map(([left, right]) => `${left}=${right}`),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );

  test('is read as far as it goes, changes no object but its own, and names no login without a password', () => {
    const lines = fc.array(line, { maxLength: 20 });
    fc.assert(
      fc.property(lines, given => {
        const logins = loginsOf(parsePbxIni(given.join('\r\n')), linux);
        for (const login of logins)
          expect(login).toMatchObject({ password: expect.stringMatching(/./s), port: expect.any(Number) });
        expect(Object.keys(Object.prototype)).toEqual([]);
        expect(({} as Record<string, unknown>).password).toBeUndefined();
      }),
      { numRuns: Number(process.env.FUZZ_CASES ?? 500) },
    );
  });
});

describe('the search for the file', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pbx-ini-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = async (place: string, text: string | Buffer) => {
    const path = join(root, place);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  const REAL = 'var/lib/3cxpbx/Bin/3CXPhoneSystem.ini';
  const SPECIFIED = 'var/lib/3cxpbx/Instance1/Bin/3CXPhoneSystem.ini';
  const codeOf = (paths: readonly string[]) => {
    try {
      readPbxInis(paths);
    } catch (error) {
      return error;
    }
    return null;
  };

  test('finds both places, the real one first, and goes on when the first names no login', async () => {
    expect(findPbxInis({ root })).toEqual([]);
    const specified = await write(SPECIFIED, '\uFEFF[CallReports]\nPASSWORD=p');
    const real = await write(REAL, '[General]\nAppPath = /x');
    expect(findPbxInis({ root })).toEqual([real, specified]);
    expect(readPbxInis([real, specified])).toMatchObject({ path: specified, logins: [{ password: 'p' }] });
    expect(findPbxInis({ root, iniPath: '/elsewhere.ini' })).toEqual(['/elsewhere.ini']);
  });

  test('reads a file in UTF-16', async () => {
    const path = await write(
      REAL,
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('[CallReports]\r\nPASSWORD=ü', 'utf16le')]),
    );
    expect(readPbxInis([path]).logins[0]?.password).toBe('ü');
  });

  test('tells a missing file, a folder and an unknown layout apart, and what to set', async () => {
    const path = await write(REAL, '[General]\nAppPath = /x\n[ConfService]\nconfPass = secret');
    expect(codeOf([path])).toMatchObject({
      code: 'PBX_INI_UNKNOWN',
      message: expect.stringMatching(/\[general\], \[confservice\].*PBX_DB_URL/),
    });
    expect(String(codeOf([path]))).not.toContain('secret');
    expect(codeOf([join(root, 'nothing.ini')])).toMatchObject({
      code: 'PBX_INI_MISSING',
      message: expect.stringContaining('PBX_INI'),
    });
    expect(codeOf([root])).toMatchObject({ code: 'PBX_INI_UNREADABLE' });
  });

  test.each(['EACCES', 'EPERM'])(
    'closed to this account (%s) asks for this file alone, and not for a group that may read recordings',
    code => {
      const { code: known, message } = notReadable(REAL, Object.assign(new Error(code), { code }));
      expect(known).toBe('PBX_INI_UNREADABLE');
      expect(message).toMatch(/run install\.sh again .*setfacl.*PBX_DB_URL/);
      expect(message).not.toContain('phonesystem');
    },
  );
});
