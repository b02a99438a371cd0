import { parse } from 'ini';

/**
 * `3CXPhoneSystem.ini`, as far as it leads to the PBX's database.
 *
 * Two layouts are known (3cx.md C8): `[CfgServerProfile]`, `[QMDatabase]` and `[DbAdminREADONLY]` of V16 to V20, and
 * `[CallReports]` of the specification, which is older. A file may hold both. Under which name the password of
 * `[DbAdminREADONLY]` is right differs between sources, so each is tried, the weakest account first; the owner of the
 * database comes last. Whoever it is, the session is read-only.
 */
export interface DatabaseLogin {
  /** The section that names it, for the operator. */
  readonly section: string;
  /** A name, an address, or the folder of a unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Null: the server knows us by our operating-system account. */
  readonly password: string | null;
}

export type IniSections = Readonly<Record<string, Readonly<Record<string, string>>>>;

const LOCALHOST = '127.0.0.1';
const V20_PORT = 5432;
const CALL_REPORTS_PORT = 5480;
const SOCKET_FOLDER = '/var/run/postgresql';
const OWNER = 'phonesystem';

/** Section and key names in lower case; values exactly as they stand behind the sign, without the space around them. */
export function parsePbxIni(text: string): IniSections {
  const parsed: unknown = parse(
    text
      .replace(/^\uFEFF/, '')
      .split(/\r\n|\r|\n/)
      .map(quoteValue)
      .join('\n'),
  );
  const sections: Record<string, Record<string, string>> = Object.create(null);
  for (const [name, keys] of Object.entries(parsed as Record<string, unknown>)) {
    if (typeof keys !== 'object' || keys === null) continue;
    // A section within this one, `[CallReports.x]`, is none of 3CX, and no text.
    const values = Object.entries(keys).filter(([, value]) => value === null || typeof value !== 'object');
    sections[name.toLowerCase()] = Object.fromEntries(values.map(([key, value]) => [key.toLowerCase(), String(value)]));
  }
  return sections;
}

/**
 * 3CX writes values as they are, while the parser takes `;` and `#` for comments, `\` for an escape and quotes for
 * quotes: a password with one of them would arrive changed. As a JSON string each value passes through unharmed.
 */
function quoteValue(line: string): string {
  const [, key, value] = /^\s*([^=[;#\s][^=]*?)\s*=(.*)$/.exec(line) ?? [];
  return key === undefined || value === undefined ? line : `${key}=${JSON.stringify(value.trim())}`;
}

/** In the order in which they should be tried; empty when the file has neither layout. */
export function loginsOf(sections: IniSections, process: { osUser: string; platform: string }): DatabaseLogin[] {
  return [...v20Logins(sections), ...callReportsLogins(sections), ...ownerLogins(sections, process)];
}

function v20Logins(sections: IniSections): DatabaseLogin[] {
  const readOnly = sections.dbadminreadonly;
  const password = readOnly?.password;
  if (!readOnly || !password) return [];
  const users = [readOnly.user ?? '', 'logsreader_single', OWNER].filter(user => user !== '');
  return [...new Set(users)].map(user => ({
    ...v20Server(sections),
    section: '[DbAdminREADONLY]',
    user,
    password,
  }));
}

function callReportsLogins({ callreports }: IniSections): DatabaseLogin[] {
  if (!callreports?.password) return [];
  return [
    {
      section: '[CallReports]',
      host: callreports.server || LOCALHOST,
      port: portOf(callreports.port, CALL_REPORTS_PORT),
      database: callreports.database || 'phonesystem',
      user: callreports.username || 'logsreader',
      password: callreports.password,
    },
  ];
}

function ownerLogins(sections: IniSections, { osUser, platform }: { osUser: string; platform: string }) {
  const profile = sections.cfgserverprofile;
  const owners: DatabaseLogin[] = [];
  if (profile?.masterdbpassword) {
    owners.push({
      ...v20Server(sections),
      section: '[CfgServerProfile]',
      user: profile.masterdbuser || OWNER,
      password: profile.masterdbpassword,
    });
  }
  // `local … peer` in Debian's pg_hba.conf: the service account of 3CX needs no password on the socket.
  const isV20 = profile !== undefined || sections.qmdatabase !== undefined;
  if (isV20 && osUser === OWNER && platform !== 'win32') {
    const { port, database } = v20Server(sections);
    owners.push({ section: 'peer login', host: SOCKET_FOLDER, port, database, user: OWNER, password: null });
  }
  return owners;
}

function v20Server({ qmdatabase, cfgserverprofile }: IniSections) {
  return {
    host: qmdatabase?.dbhost || cfgserverprofile?.dbhost || LOCALHOST,
    port: portOf(qmdatabase?.dbport ?? cfgserverprofile?.dbport, V20_PORT),
    database: qmdatabase?.dbname || 'database_single',
  };
}

function portOf(text: string | undefined, otherwise: number): number {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : otherwise;
}
