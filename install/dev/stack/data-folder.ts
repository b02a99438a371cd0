import { accessSync, chmodSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OperatorError } from '../operator-error.js';

/** Everything the stack keeps. Deleting the folder is the complete reset. */
export type DataFolder = {
  path: string;
  lock: string;
  stackFile: string;
  secrets: string;
  logs: string;
  spool: string;
  redis: string;
  postgres: string;
  /** The file system of the simulated PBX, as far as a reader looks into it. */
  pbx: string;
  composeProject: string;
  /** Where the ends of the audit's chain are written down. */
  auditAnchors: string;
};

export function openDataFolder(root: string, override: string | undefined): DataFolder {
  const path = resolve(root, override || '.data');
  const folder: DataFolder = {
    path,
    lock: join(path, 'lock'),
    stackFile: join(path, 'stack.json'),
    secrets: join(path, 'secrets.json'),
    logs: join(path, 'logs'),
    spool: join(path, 'spool'),
    redis: join(path, 'redis'),
    postgres: join(path, 'postgres'),
    pbx: join(path, 'pbx'),
    composeProject: join(path, 'compose-project'),
    auditAnchors: join(path, 'audit-anchors.jsonl'),
  };
  try {
    for (const one of [path, folder.logs, folder.spool]) makeFolder(one);
    chmodSync(path, 0o700);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new OperatorError(
      `The data folder ${path} cannot be used (${reason}); make it writable for this user, or set RELAY_DATA_DIR to another folder.`,
      { cause },
    );
  }
  return folder;
}

/** Not mkdir's own `recursive`: where the file system refuses with ENOENT (/proc does), Node tries again for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
