import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export type CommandResult = { code: number | null; output: string };

/** Debian keeps servers in folders that an ordinary user's PATH often lacks. */
const usualFolders = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

export async function findCommand(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...usualFolders];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/**
 * Runs a command to its end and keeps what it printed. It runs in a process group of its own: Ctrl-C in the terminal
 * must not interrupt a package manager half-way; the caller waits for it instead.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    input?: string;
    timeoutMs?: number;
    uid?: number;
    gid?: number;
    cwd?: string;
  },
): Promise<CommandResult> {
  const { env, input, timeoutMs, ...placement } = options;
  return new Promise(resolve => {
    const child = spawn(command, args, {
      ...placement,
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-64_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.stdin.on('error', () => {});
    child.on('error', error => resolve({ code: null, output: error.message }));
    child.on('close', code => resolve({ code, output }));
    child.stdin.end(input ?? '');
  });
}
