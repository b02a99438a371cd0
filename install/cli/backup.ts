import { resolve } from 'node:path';
import { backupFolder, newBackupPath, pruneBackups } from './backup/backup-folder.ts';
import { makeBackup } from './backup/make-backup.ts';
import { parseOptions, wholeNumber } from './options.ts';
import { formatBytes } from './print.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

export const BACKUP_USAGE = `usage: 3cx-relay backup [--out FILE] [--with-secrets] [--keep N] [--json]

  One file with PostgreSQL, the part of the log that is not in it yet, the state of calls, the settings and the anchors
  of the audit, with a manifest of sizes and SHA-256. Nothing has to stop for it.

  --out FILE       default: a new file in the installation's folder of backups
  --with-secrets   the settings as they are; without, passwords and secrets are left out. A second factor of a user is
                   worth nothing without the ADMIN_SECRET it was made with, so keep that one somewhere
  --keep N         removes all but the newest N of that folder afterwards
  --json           prints the manifest
  Needs pg_dump (package postgresql-client). "3cx-relay restore --verify-only FILE" proves that it can be restored.
`;

/** Resolves with the exit code. */
export async function backup(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    out: { type: 'string' },
    'with-secrets': { type: 'boolean' },
    keep: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (values.help) {
    process.stdout.write(BACKUP_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many: --out names the file.`);
  const keep = values.keep === undefined ? null : wholeNumber('keep', values.keep);
  const folder = backupFolder(settings);
  const out = values.out === undefined ? newBackupPath(folder) : resolve(values.out);
  const manifest = await makeBackup(settings, out, values['with-secrets'] ?? false);
  const removed = keep === null ? [] : pruneBackups(folder, keep);
  if (values.json) process.stdout.write(`${JSON.stringify({ file: out, removed, manifest })}\n`);
  else {
    const rows = Object.values(manifest.rows).reduce((sum, count) => sum + count, 0);
    const waiting = Object.values(manifest.log).reduce((sum, { entries }) => sum + entries, 0);
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    process.stdout.write(`${out}: ${rows} rows and ${waiting} entries of the log, ${formatBytes(bytes)}\n`);
    for (const path of removed) process.stdout.write(`removed ${path}\n`);
  }
  return 0;
}
