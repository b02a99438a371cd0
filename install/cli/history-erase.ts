import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { requireSettings, type Settings } from './settings.ts';
import { redisConfig, storeConfig } from './stores.ts';
import { UsageError } from './usage-error.ts';

export const HISTORY_USAGE = `usage: 3cx-relay history erase < numbers

  Forgets telephone numbers, one a line on stdin: the number and the names beside it give way to an alias in everything
  that PostgreSQL holds, and Redis gives up what is persisted. The worker must be running. What relays have in memory
  goes when they are restarted, and a call that still goes on names its number again: repeat it when it is over.
  Reads DATABASE_URL, REDIS_URL and PBX_ID.
`;

const program = fileURLToPath(new URL('../../services/worker/erasure/cli.ts', import.meta.url));

/** Resolves with the exit code. */
export async function history(args: readonly string[], settings: Settings): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HISTORY_USAGE);
    return 0;
  }
  if (args.length !== 1 || args[0] !== 'erase') throw new UsageError('Say what to do with history: erase');
  const { DATABASE_URL, REDIS_URL, PBX_ID } = requireSettings(settings, { ...storeConfig, ...redisConfig });
  const child = spawn(process.execPath, [program], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL, REDIS_URL, PBX_ID },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
