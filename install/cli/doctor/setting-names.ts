import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ingestConfig } from '../../../services/ingest/config.ts';
import { relayConfig } from '../../../services/relay/config.ts';
import { workerConfig } from '../../../services/worker/config.ts';
import { type Finding, ok, warning } from './check.ts';

/** Every setting of every service: relay.env is one file for all of them, so that no service can say this by itself. */
export const KNOWN_SETTINGS: ReadonlySet<string> = new Set(
  [ingestConfig, relayConfig, workerConfig].flatMap(config => Object.keys(config)),
);
/** What else stands in the file is not ours to judge. */
const OURS =
  /^(RELAY|INGEST|WORKER|LOG|HISTORY|ADMIN|AUDIT|SPOOL|PBX|CLIENT|CALLCONTROL|INTERNAL|DATABASE|REDIS|BACKUP)_/;
/** Of the command line, which reads the same file. */
const OF_COMMANDS: ReadonlySet<string> = new Set(['RELAY_URL', 'RELAY_DATA_DIR', 'RELAY_CONFIG_DIR', 'BACKUP_KEEP']);

const FILES = ['relay.env', 'owner.env'] as const;

/** Of the files that are there. @throws when one may not be read by this user */
export function readSettingNames(configFolder: string): string[] {
  const paths = FILES.map(file => join(configFolder, file)).filter(path => existsSync(path));
  return paths.flatMap(path => Object.keys(parseEnv(readFileSync(path, 'utf8'))));
}

/** A name that was mistyped, or that a version gave up. */
export function judgeSettingNames(names: readonly string[]): Finding {
  const unknown = names.filter(name => OURS.test(name) && !KNOWN_SETTINGS.has(name) && !OF_COMMANDS.has(name));
  if (unknown.length === 0) return ok('every setting has a name that a service knows');
  return warning(
    `no service knows ${unknown.join(', ')}, which has no effect`,
    'correct the name (.env.example has them all), or remove the line',
  );
}
