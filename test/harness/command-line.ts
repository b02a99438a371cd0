import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { inheritedEnvironment } from './processes.ts';

export type Ran = { code: number; output: string; errors: string };

const program = fileURLToPath(new URL('../../install/cli/main.ts', import.meta.url));

export function startCommandLine(args: readonly string[], env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [program, ...args], {
    env: { ...inheritedEnvironment(), RELAY_CONFIG_DIR: '/nowhere', RELAY_DATA_DIR: '/nowhere', ...env },
  });
}

/** `3cx-relay …` as a process of its own, with no setting of the machine that runs the tests. */
export async function runCommandLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { input?: string } = {},
): Promise<Ran> {
  const child = startCommandLine(args, env);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const exit = new Promise<number>(resolve => child.once('exit', code => resolve(code ?? -1)));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, output, errors };
}
