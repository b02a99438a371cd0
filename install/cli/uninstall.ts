import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseOptions } from './options.ts';
import { ROOT, type Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

export const UNINSTALL_USAGE = `usage: 3cx-relay uninstall [--purge]

  Removes units, the nginx file and the releases. Settings and data stay, so that install.sh brings everything back.

  --purge   data, the database, settings and the user go as well. There is no way back but a backup elsewhere
`;

/** Hands over to install.sh, which knows what it made. Resolves with its exit code. */
export async function uninstall(args: readonly string[], settings: Settings): Promise<number> {
  const { values, positionals } = parseOptions(args, { purge: { type: 'boolean' } });
  if (values.help) {
    process.stdout.write(UNINSTALL_USAGE);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many.`);
  if (!settings.installation) throw new Error('Nothing is installed on this machine.');
  const script = join(ROOT, 'install/install.sh');
  if (!existsSync(script)) throw new Error(`${script} is not there: take install.sh of this version and run it.`);
  // It removes the folder that this program runs from: the shell reads the script whole before it begins.
  const child = spawn('sh', [script, 'uninstall', ...(values.purge ? ['--purge'] : [])], {
    stdio: 'inherit',
    cwd: '/',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
