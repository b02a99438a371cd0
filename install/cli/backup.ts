import { resolve } from 'node:path';
import { integer } from '@3cx-relay/shared/runtime/config.ts';
import { backupFolder, dailyFolder, newBackupPath, pruneBackups } from './backup/backup-folder.ts';
import { makeBackup } from './backup/make-backup.ts';
import { parseOptions, wholeNumber } from './options.ts';
import { formatBytes } from './print.ts';
import { requireSettings, type Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const BACKUP_USAGE = `usage: 3cx-relay backup [--out FILE] [--with-secrets] [--keep N] [--json]
       3cx-relay backup --daily [--json]

  One file with PostgreSQL, the part of the log that is not in it yet, the state of calls, the settings and the anchors
  of the audit, with a manifest of sizes and SHA-256. Nothing has to stop for it.

  --out FILE       default: a new file in the installation's folder of backups
  --with-secrets   the settings as they are; without, passwords and secrets are left out. A second factor of a user is
                   worth nothing without the ADMIN_SECRET it was made with, so keep that one somewhere
  --keep N         removes all but the newest N of that folder afterwards
  --daily          as 3cx-relay-backup.timer does it: into the folder "daily" of that one, in which the newest
                   BACKUP_KEEP stay (14, in relay.env)
  --json           prints the manifest
  Needs pg_dump (package postgresql-client). "3cx-relay restore --verify-only FILE" proves that it can be restored.
`;

/** A setting like those of the services; the command alone knows it. */
const backupConfig = { BACKUP_KEEP: integer({ min: 1, max: 1_000, default: 14 }) };

const keepOf = (given: string | undefined) => (given === undefined ? null : wholeNumber('keep', given));

/** Resolves with the exit code. */
export async function backup(args: readonly string[], settings: Settings, terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    out: { type: 'string' },
    'with-secrets': { type: 'boolean' },
    keep: { type: 'string' },
    daily: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (values.help) {
    terminal.stdout.write(BACKUP_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many: --out names the file.`);
  if (values.daily && (values.out !== undefined || values.keep !== undefined || values['with-secrets']))
    throw new UsageError('--daily goes with none of --out, --keep and --with-secrets: BACKUP_KEEP says how many stay.');
  const folder = values.daily ? dailyFolder(settings) : backupFolder(settings);
  const keep = values.daily ? requireSettings(settings, backupConfig).BACKUP_KEEP : keepOf(values.keep);
  const out = values.out === undefined ? newBackupPath(folder) : resolve(values.out);
  const manifest = await makeBackup(settings, out, values['with-secrets'] ?? false);
  const removed = keep === null ? [] : pruneBackups(folder, keep);
  if (values.json) terminal.stdout.write(`${JSON.stringify({ file: out, removed, manifest })}\n`);
  else {
    const rows = Object.values(manifest.rows).reduce((sum, count) => sum + count, 0);
    const waiting = Object.values(manifest.log).reduce((sum, { entries }) => sum + entries, 0);
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    terminal.stdout.write(`${out}: ${rows} rows and ${waiting} entries of the log, ${formatBytes(bytes)}\n`);
    for (const path of removed) terminal.stdout.write(`removed ${path}\n`);
  }
  return 0;
}
