import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { type DatabaseLogin, loginsOf, parsePbxIni } from './pbx-ini.ts';

/** Where a PBX keeps its file: V16 to V20 first, then where the specification has it (3cx.md C8). */
const LINUX_PLACES = [
  '/var/lib/3cxpbx/Bin/3CXPhoneSystem.ini',
  '/var/lib/3cxpbx/Instance1/Bin/3CXPhoneSystem.ini',
] as const;
const WINDOWS_PLACES = ['C:\\Program Files\\3CX Phone System\\Bin\\3CXPhoneSystem.ini'] as const;
const NAME = '3CXPhoneSystem.ini';

export interface IniPlace {
  /** `PBX_INI`: this file and no other. */
  readonly iniPath?: string;
  /** Put before the usual places, for a PBX whose files are mounted elsewhere. */
  readonly root?: string;
}

/** The files that are there; one in a folder that we may not look into counts as there. */
export function findPbxInis({ iniPath, root = '' }: IniPlace): string[] {
  if (iniPath !== undefined) return [iniPath];
  return placesOf(root).filter(isThere);
}

export function placesOf(root = ''): readonly string[] {
  if (process.platform === 'win32') return WINDOWS_PLACES;
  return root === '' ? LINUX_PLACES : LINUX_PLACES.map(place => join(root, place));
}

function isThere(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
  }
}

/**
 * The logins of the first file that has any.
 *
 * @throws OperatorError PBX_INI_MISSING, PBX_INI_UNREADABLE, PBX_INI_UNKNOWN
 */
export function readPbxInis(paths: readonly string[]): { path: string; logins: readonly DatabaseLogin[] } {
  const problems: OperatorError[] = [];
  for (const path of paths) {
    try {
      return { path, logins: readLogins(path) };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(error);
    }
  }
  const [first] = problems;
  if (first && problems.length === 1) throw first;
  throw new OperatorError(first?.code ?? 'PBX_INI_MISSING', problems.map(problem => problem.message).join('; '));
}

function readLogins(path: string): readonly DatabaseLogin[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw notReadable(path, error);
  }
  // Windows editors like to save in UTF-16.
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const sections = parsePbxIni(bytes.toString(isUtf16 ? 'utf16le' : 'utf8'));
  const logins = loginsOf(sections, { osUser: osUser(), platform: process.platform });
  if (logins.length > 0) return logins;
  const found = Object.keys(sections).map(name => `[${name}]`);
  throw new OperatorError(
    'PBX_INI_UNKNOWN',
    `${path} names no login for the PBX's database: it has ${found.join(', ') || 'no sections'}, and needs a password in [DbAdminREADONLY], [CallReports] or [CfgServerProfile]; set PBX_DB_URL instead`,
  );
}

/** Of a file that the system did not open. */
export function notReadable(path: string, error: unknown): OperatorError {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new OperatorError(
        'PBX_INI_MISSING',
        `there is no file ${path}: set PBX_INI to the ${NAME} of the PBX, or PBX_DB_URL`,
      );
    case 'EACCES':
    case 'EPERM':
      // Not the group that owns it: that may read recordings, too (install/steps/services.sh grants this file alone).
      return new OperatorError(
        'PBX_INI_UNREADABLE',
        `${path} may not be read by the account ${osUser()}: run install.sh again (elsewhere: setfacl -m u:${osUser()}:r on this file), or set PBX_DB_URL`,
      );
    default:
      return new OperatorError('PBX_INI_UNREADABLE', `${path} cannot be read (${codeOf(error)}): is it a file?`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** An account without an entry in the system's list has no name, as in some containers. */
function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
