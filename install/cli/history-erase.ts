import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '../dev/stack/environment.ts';
import { readStack } from './find-relay.ts';
import { UsageError } from './usage-error.ts';

export const HISTORY_USAGE = `usage: npx 3cx-relay history erase < numbers

  Forgets telephone numbers, one a line on stdin: the number and the names beside it give way to an alias in everything
  that PostgreSQL holds, and Redis gives up what is persisted. The worker must be running. What relays have in memory
  goes when they are restarted, and a call that still goes on names its number again: repeat it when it is over.
  Reads DATABASE_URL, REDIS_URL and PBX_ID, or the stack that runs in this checkout.
`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('../../services/worker/erasure/cli.ts', import.meta.url));

/** Resolves with the exit code. */
export async function history(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HISTORY_USAGE);
    return 0;
  }
  if (args.length !== 1 || args[0] !== 'erase') throw new UsageError('Say what to do with history: erase');
  const environment = readEnvironment(root, process.env);
  const stack = readStack(resolve(root, environment.RELAY_DATA_DIR ?? '.data', 'stack.json'));
  const servers = stack && { DATABASE_URL: stack.databaseUrl, REDIS_URL: stack.redisUrl };
  const child = spawn(process.execPath, [program], {
    stdio: 'inherit',
    env: { ...process.env, ...servers, ...environment },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
