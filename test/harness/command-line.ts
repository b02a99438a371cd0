import { spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../install/cli/run-command.ts';
import { inheritedEnvironment } from './processes.ts';

export type Ran = { code: number; output: string; errors: string };

const program = fileURLToPath(new URL('../../install/cli/main.ts', import.meta.url));

/** No setting of the machine that runs the tests. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...inheritedEnvironment(), RELAY_CONFIG_DIR: '/nowhere', RELAY_DATA_DIR: '/nowhere', ...env };
}

export function startCommandLine(args: readonly string[], env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [program, ...args], { env: environment(env) });
}

/** `3cx-relay …` in this process: a process of its own costs a second, which is more than what most commands do. */
export async function callCommandLine(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { input?: string } = {},
): Promise<Ran> {
  const [stdin, stdout, stderr] = [Readable.from([options.input ?? '']), new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const code = await runCommand(args, environment(env), { stdin, stdout, stderr });
  for (const stream of [stdout, stderr]) stream.end();
  const [output, errors] = await said;
  return { code, output, errors };
}

/** `3cx-relay …` as a process of its own. */
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
