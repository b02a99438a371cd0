import { isElsewhere } from '../installation.ts';
import type { Settings } from '../settings.ts';
import { runProgram } from '../system.ts';
import { backupFolder, newBackupPath } from './backup-folder.ts';
import { makeBackup } from './make-backup.ts';
import { clientProgram } from './postgres-programs.ts';

/** With secrets, because the folder is root's alone. Where pg_dump is missing an upgrade goes on without, and says so. */
export async function backUpBefore(settings: Settings, say: (line: string) => void): Promise<void> {
  if (isElsewhere('worker', settings.installation)) {
    say('no backup was made: that is for the machine of the worker, whose role owns the tables');
    return;
  }
  const { isMissing } = await runProgram(clientProgram('pg_dump'), ['--version']);
  if (isMissing) {
    say('no backup was made: pg_dump is missing (package postgresql-client)');
    return;
  }
  const out = newBackupPath(backupFolder(settings));
  await makeBackup(settings, out, true);
  say(`backup: ${out}`);
}
