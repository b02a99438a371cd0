import { userInfo } from 'node:os';
import { OperatorError } from '../operator-error.js';
import { runCommand } from '../system/command.ts';

export type Account = { uid: number; gid: number };

const accountName = 'postgres';

/**
 * PostgreSQL refuses to run as root. As root it runs as the unprivileged user `postgres`, created when absent;
 * undefined means: run it as whoever we are.
 */
export async function obtainPostgresAccount(): Promise<Account | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const present = await lookUp();
  if (present !== undefined) return present;
  const created = await runCommand(
    'useradd',
    [
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/usr/sbin/nologin',
      accountName,
    ],
    { timeoutMs: 30_000 },
  );
  const account = await lookUp();
  if (account !== undefined) return account;
  throw new OperatorError(
    `PostgreSQL cannot run as root and the user "${accountName}" could not be created (${created.output.trim()}); create it, start as an ordinary user, or set DATABASE_URL.`,
  );
}

async function lookUp(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([
    runCommand('id', ['-u', accountName], { timeoutMs: 5_000 }),
    runCommand('id', ['-g', accountName], { timeoutMs: 5_000 }),
  ]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  return { uid: Number.parseInt(uid.output, 10), gid: Number.parseInt(gid.output, 10) };
}
