import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Environment } from './config.ts';
import { messageOf, OperatorError } from './operator-error.ts';

/**
 * The settings of a process: its environment, and below it the files that systemd hands over as credentials. What comes
 * that way is readable by this process only, is inherited by no child and stands in nobody's `systemctl show`.
 *
 * `owner.env` is given to the worker alone. Its DATABASE_URL names the owner of the tables, that of `relay.env` a role
 * with the rights of relay and ingest. In containers what ingest alone needs is in `pbx.env`, and what signs sessions of
 * the panel in `admin.env`; systemd hands everybody a `relay.env` of his own.
 */
const FILES = ['relay.env', 'pbx.env', 'admin.env', 'owner.env'] as const;

/** @throws OperatorError `CONFIG_INVALID` when a file is there and cannot be read */
export function readSettings(env: Environment): Environment {
  const folder = env.CREDENTIALS_DIRECTORY;
  if (folder === undefined || folder === '') return env;
  return Object.assign({}, ...FILES.map(file => readCredential(join(folder, file))), env);
}

function readCredential(path: string): Environment {
  try {
    // An empty value counts as not set: the place for it in one file must not hide it in another.
    return Object.fromEntries(Object.entries(parseEnv(readFileSync(path, 'utf8'))).filter(([, value]) => value !== ''));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {};
    throw new OperatorError('CONFIG_INVALID', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
