import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { type Environment, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { type Installation, readInstallation } from './installation.ts';
import { UsageError } from './usage-error.ts';

/**
 * What every command works with. A setting comes from the first of these that has it: the environment, the credentials
 * of a systemd unit, the file of `--config`, the files of the installation, and in a checkout `.env` and what the running
 * stack says of itself. Of the files `owner.env`, which names the owner of the tables, comes before `relay.env`.
 */
export interface Settings {
  readonly values: Environment;
  /** Null in a checkout. */
  readonly installation: Installation | null;
  /** The stack that runs in this checkout; null when none does. */
  readonly stack: RunningStack | null;
  /** A file with settings that this user may not read. */
  readonly unreadable: string | null;
}

export interface RunningStack {
  readonly relayUrl: string;
  readonly apiKey: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const FILES = ['owner.env', 'relay.env'] as const;
/** In containers. */
const CREDENTIALS = ['owner.env', 'pbx.env', 'admin.env', 'relay.env'] as const;

/** `root`: the release or the checkout that this program is a part of. */
export function readSettings(
  options: { configFile?: string | undefined; root?: string },
  processEnv: NodeJS.ProcessEnv,
): Settings {
  const { configFile, root = ROOT } = options;
  const installation = readInstallation(processEnv);
  const credentials = processEnv.CREDENTIALS_DIRECTORY;
  let unreadable: string | null = null;
  const optional = (path: string) => {
    const file = readFile(path);
    if (file === 'refused') unreadable = path;
    return typeof file === 'object' ? file : {};
  };
  const given = merge([
    processEnv,
    ...(credentials ? CREDENTIALS.map(file => optional(join(credentials, file))) : []),
    ...(configFile === undefined ? [] : [readNamed(configFile)]),
    ...(installation
      ? FILES.map(file => optional(join(installation.configFolder, file)))
      : [optional(join(root, '.env'))]),
  ]);
  if (installation) return { values: given, installation, stack: null, unreadable };
  const dataFolder = resolve(root, given.RELAY_DATA_DIR ?? '.data');
  const stack = readStack(join(dataFolder, 'stack.json'));
  const values = merge([
    given,
    { DATABASE_URL: stack?.databaseUrl, REDIS_URL: stack?.redisUrl },
    stack ? { ADMIN_SECRET: readAdminSecret(join(dataFolder, 'secrets.json')) } : {},
    { AUDIT_ANCHOR_FILE: join(dataFolder, 'audit-anchors.jsonl') },
  ]);
  return { values, installation: null, stack, unreadable };
}

/** The settings that a command needs. @throws OperatorError that names what is missing, and why it may be */
export function requireSettings<Shape extends Parameters<typeof readConfig>[0]>(
  settings: Settings,
  shape: Shape,
): ReturnType<typeof readConfig<Shape>> {
  try {
    return readConfig(shape, settings.values);
  } catch (error) {
    if (!(error instanceof OperatorError) || settings.unreadable === null) throw error;
    const message = `${error.message}; ${settings.unreadable} can be read by root alone: run this with sudo`;
    throw new OperatorError(error.code, message, { cause: error });
  }
}

/** An empty value counts as absent, as in a file with `KEY=`. */
function merge(sources: readonly Environment[]): Environment {
  const merged: Record<string, string> = {};
  for (const source of sources) {
    for (const [key, value] of Object.entries(source)) if (value) merged[key] ??= value;
  }
  return merged;
}

function readNamed(path: string): Environment {
  const file = readFile(path);
  if (typeof file === 'object') return file;
  throw new UsageError(`--config: ${path} ${file === 'absent' ? 'is not there' : 'cannot be read by this user'}.`);
}

/** The same lines as systemd's EnvironmentFile. */
function readFile(path: string): Environment | 'absent' | 'refused' {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
    if (code === 'EACCES' || code === 'EPERM') return 'refused';
    throw error;
  }
}

/** What the launcher says of the stack that runs. */
function readStack(path: string): RunningStack | null {
  const { relayUrl, apiKey, databaseUrl, redisUrl } = readJson(path);
  if (relayUrl === undefined) return null;
  return { relayUrl, apiKey, databaseUrl, redisUrl };
}

/** The launcher makes one where none is set. */
function readAdminSecret(path: string): string | undefined {
  return readJson(path).adminSecret;
}

function readJson(path: string): Readonly<Record<string, string | undefined>> {
  try {
    const kept: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof kept !== 'object' || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}
