import { join, resolve } from 'node:path';
import { verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { selectPersistedLogs } from '@3cx-relay/shared/store/log-epochs.ts';
import { auditPlace } from './audit-verify.ts';
import { countRows } from './backup/dump-postgres.ts';
import { type BackupManifest, FILES } from './backup/manifest.ts';
import { restoreLog } from './backup/restore-log.ts';
import { restorePostgres } from './backup/restore-postgres.ts';
import { withScratchDatabase } from './backup/scratch-database.ts';
import { withServicesStopped } from './backup/services-stopped.ts';
import { withBackup } from './backup/unpack-backup.ts';
import { parseOptions } from './options.ts';
import { requireSettings, type Settings } from './settings.ts';
import { tellAudit } from './shell-audit.ts';
import { openPostgres, openRedis, storeConfig } from './stores.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const RESTORE_USAGE = `usage: 3cx-relay restore --verify-only FILE [--json]
       3cx-relay restore --yes FILE

  --verify-only   restores into a database of its own on the same server, counts the rows, proves the audit, and drops it
  --yes           replaces the database and the log by those of the backup; the services stand still for it. Positions
                  of clients stay good; what came after the backup is told to them as a gap
  Settings are not touched: they lie in the backup (tar -xf FILE settings.env).
  Exit code 0: the backup is good, or is restored. 1: it is not, and the message says why.
`;

type Unpacked = { folder: string; manifest: BackupManifest };
type Say = (text: string) => void;

/** Resolves with the exit code. */
export async function restore(args: readonly string[], settings: Settings, terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    'verify-only': { type: 'boolean' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (values.help) {
    terminal.stdout.write(RESTORE_USAGE);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw new UsageError('Name one file.');
  if (Boolean(values['verify-only']) === Boolean(values.yes))
    throw new UsageError('Say --verify-only to try the backup, or --yes to replace what is there.');
  return withBackup(resolve(file), async backup => {
    const say = (text: string) => void terminal.stdout.write(text);
    if (values.yes) await replaceAll(settings, backup, say);
    else await verifyOnly(settings, backup, { isJson: values.json ?? false, say });
    return 0;
  });
}

/** @throws Error that names what differs */
async function verifyOnly(
  settings: Settings,
  { folder, manifest }: Unpacked,
  { isJson, say }: { isJson: boolean; say: Say },
): Promise<void> {
  const { DATABASE_URL } = requireSettings(settings, storeConfig);
  await withScratchDatabase(settings.values.SCRATCH_DATABASE_URL ?? DATABASE_URL, async ({ url, pool }) => {
    await restorePostgres(url, join(folder, FILES.database));
    const rows = await countRows(pool);
    const wrong = Object.entries(manifest.rows).find(([table, count]) => rows[table] !== count);
    if (wrong)
      throw new Error(`The backup is not whole: ${wrong[0]} has ${rows[wrong[0]] ?? 0} rows instead of ${wrong[1]}.`);
    const place = { ...auditPlace(settings), anchorFile: join(folder, FILES.anchors) };
    const audit = await verifyAudit(pool, place);
    if (audit.broken) throw new Error(`The audit in the backup is broken: ${audit.broken.message}.`);
    const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
    const { createdAt, version, schema } = manifest;
    say(
      isJson
        ? `${JSON.stringify({ isGood: true, createdAt, version, schema, rows, auditEntries: audit.entries })}\n`
        : `The backup of ${createdAt} (version ${version}) is good: ${total} rows, ${audit.entries} entries of the audit proved.\n`,
    );
  });
}

async function replaceAll(settings: Settings, { folder, manifest }: Unpacked, say: Say): Promise<void> {
  const { DATABASE_URL, PBX_ID } = requireSettings(settings, storeConfig);
  if (manifest.pbxId !== PBX_ID)
    throw new Error(`The backup is of PBX_ID ${manifest.pbxId}, and PBX_ID is ${PBX_ID} here: set the same one.`);
  const redis = openRedis(settings);
  try {
    // Before anything is changed: without it the database would be replaced, and the log not.
    await redis.redis.ping();
    await withServicesStopped(settings, redis, async () => {
      await restorePostgres(DATABASE_URL, join(folder, FILES.database));
      const store = openPostgres(settings);
      const persisted = await selectPersistedLogs(store.pool).finally(store.stop);
      const files = { log: join(folder, FILES.log), state: join(folder, FILES.state) };
      const entries = await restoreLog(redis, { manifest, files }, persisted);
      const details = { createdAt: manifest.createdAt, version: manifest.version, entries };
      await tellAudit(settings, { action: 'backup.restore', target: null, details }, 'the restore');
      say(`The backup of ${manifest.createdAt} is in place, with ${entries} entries of the log.\n`);
    });
  } finally {
    await redis.stop();
  }
}
