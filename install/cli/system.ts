import { spawn } from 'node:child_process';

export interface Ran {
  /** Null: it was killed, or is not on this machine. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
  readonly isMissing: boolean;
}

const KEPT_CHARACTERS = 4_000_000;

/** Runs a program of the system to its end; of what it prints the last part is kept. Never rejects. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { timeoutMs: number; cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = { timeoutMs: 10_000 },
): Promise<Ran> {
  const { timeoutMs, cwd, env, input } = options;
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_CHARACTERS);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-KEPT_CHARACTERS);
  });
  child.stdin.on('error', () => undefined);
  child.once('error', error => {
    const isMissing = 'code' in error && error.code === 'ENOENT';
    resolve({ code: null, output, errors: error.message, isMissing });
  });
  child.once('close', code => resolve({ code, output, errors, isMissing: false }));
  child.stdin.end(input ?? '');
  return promise;
}

/** What a program said about its failure: the last line that is not empty. */
export function reasonOf({ code, output, errors, isMissing }: Ran): string {
  if (isMissing) return 'the program is not on this machine';
  const said = `${output}\n${errors}`.trim().split('\n').at(-1)?.trim();
  return said || (code === null ? 'it took too long' : `exit code ${code}`);
}
