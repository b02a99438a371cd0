import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import { auditPlace } from '../audit-verify.ts';
import { ROOT, requireSettings, type Settings } from '../settings.ts';
import { openPostgres, openRedis, redisConfig, storeConfig } from '../stores.ts';
import { reasonOf, runProgram } from '../system.ts';
import { dumpPostgres } from './dump-postgres.ts';
import { exportLog } from './export-log.ts';
import { type BackupManifest, describeFiles, FILES, MANIFEST } from './manifest.ts';
import { copySettings } from './settings-copy.ts';

const STATEMENT_TIMEOUT_MS = 4 * 3_600_000;
const TAR_TIMEOUT_MS = 3_600_000;

/**
 * One file with everything that cannot be made again. First the part of the log that PostgreSQL does not have, then
 * PostgreSQL: whatever the worker moves from the one to the other meanwhile is in both, and the positions in the dump
 * say which part of the export is one too many. The other way round an entry could fall between the two.
 *
 * `out` appears when it is whole. @throws Error
 */
export async function makeBackup(settings: Settings, out: string, withSecrets: boolean): Promise<BackupManifest> {
  const { DATABASE_URL, PBX_ID } = requireSettings(settings, { ...storeConfig, ...redisConfig });
  await mkdir(dirname(out), { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(dirname(out), '.backup-'));
  const store = openPostgres(settings, { statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  const redis = openRedis(settings);
  try {
    const path = (name: string) => join(folder, name);
    const persisted = await readPositions(store.pool);
    const log = await exportLog(redis, persisted, { log: path(FILES.log), state: path(FILES.state) });
    const dumped = await dumpPostgres(store.pool, DATABASE_URL, path(FILES.database));
    const names: string[] = [FILES.database, FILES.log, FILES.state];
    names.push(...(await copyFiles(settings, folder, withSecrets)));
    const manifest: BackupManifest = {
      format: 1,
      createdAt: new Date().toISOString(),
      version: await readVersion(),
      pbxId: PBX_ID,
      ...{ schema: dumped.schema, rows: dumped.rows, log, hasSecrets: withSecrets },
      files: await describeFiles(folder, names),
    };
    await writeFile(path(MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
    await pack(folder, [MANIFEST, ...names], out);
    return manifest;
  } finally {
    await Promise.all([store.stop(), redis.stop(), rm(folder, { recursive: true, force: true })]);
  }
}

export async function readVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** Settings and anchors, as far as there are any. Returns the names. */
async function copyFiles(settings: Settings, folder: string, withSecrets: boolean): Promise<string[]> {
  const { installation, values } = settings;
  // A unit is handed what it may see; the files themselves are root's.
  const configFolder = values.CREDENTIALS_DIRECTORY ?? installation?.configFolder;
  const sources =
    installation && configFolder
      ? [join(configFolder, 'relay.env'), join(configFolder, 'owner.env')]
      : [join(ROOT, '.env')];
  const texts = await Promise.all(sources.map(source => readFile(source, 'utf8').catch(() => null)));
  const found = texts.filter(text => text !== null);
  const names: string[] = [];
  if (found.length > 0) {
    const copy = found.map(text => copySettings(text, { withSecrets })).join('\n');
    await writeFile(join(folder, FILES.settings), copy, { mode: 0o600 });
    names.push(FILES.settings);
  }
  const others = [
    [installation ? join(installation.configFolder, 'install.env') : '', FILES.installation],
    [auditPlace(settings).anchorFile, FILES.anchors],
  ] as const;
  for (const [source, name] of others) {
    if (source === '' || !(await stat(source).catch(() => null))) continue;
    await copyFile(source, join(folder, name));
    names.push(name);
  }
  return names;
}

async function pack(folder: string, names: readonly string[], out: string): Promise<void> {
  const draft = join(folder, 'packed');
  const packed = await runProgram('tar', ['-C', folder, '-cf', draft, ...names], { timeoutMs: TAR_TIMEOUT_MS });
  if (packed.code !== 0) throw new Error(`The backup could not be written: ${reasonOf(packed)}`);
  await chmod(draft, 0o600);
  await rename(draft, out);
}
