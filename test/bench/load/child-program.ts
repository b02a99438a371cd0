import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Another program of the benchmark: it gets one JSON argument and speaks over a channel. */
export interface ChildProgram<Said extends object> {
  readonly pid: number;
  /** Resolves with the first message from now on that has this field; throws when the program says `failed` or ends. */
  ask<Field extends string>(
    field: Field,
    question?: object,
    timeoutMs?: number,
  ): Promise<Said & Record<Field, unknown>>;
  stop(): Promise<void>;
}

const PATIENCE_MS = 60_000;
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export function startProgram<Said extends object>(
  file: string,
  order: object,
  options: { nodeArguments?: readonly string[]; cwd?: string } = {},
): ChildProgram<Said> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), path, JSON.stringify(order)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  alive.add(child);
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      alive.delete(child);
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    ask(field, question, timeoutMs = PATIENCE_MS) {
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          clearTimeout(timer);
          child.off('message', take);
          child.off('exit', left);
          settle();
        };
        const take = (message: object) => {
          if ('failed' in message) end(() => reject(new Error(`${file}: ${String(message.failed)}`)));
          if (field in message) end(() => resolve(message as never));
        };
        const left = () => end(() => reject(new Error(`${file} ended with ${child.exitCode ?? child.signalCode}`)));
        const timer = setTimeout(
          () => end(() => reject(new Error(`${file} did not say "${field}" within ${timeoutMs} ms`))),
          timeoutMs,
        );
        child.on('message', take);
        child.on('exit', left);
        if (question) child.send(question);
      });
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
