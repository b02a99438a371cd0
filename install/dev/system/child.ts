import { spawn } from 'node:child_process';

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type Child = {
  pid: number;
  exited: Promise<Exit>;
  /** Asks with `signal`; after the deadline the whole process group is killed. Resolves when the process is gone. */
  stop(request: { signal: NodeJS.Signals; deadlineMs: number }): Promise<Exit>;
  kill(): void;
};

export type ChildOptions = {
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  user?: { uid: number; gid: number };
  /** A file descriptor that receives stdout and stderr, or a function that receives what is printed. */
  output: number | ((chunk: Buffer) => void);
};

const lastWordsMs = 300;

/**
 * Starts a process in a group of its own, so that the terminal's Ctrl-C reaches only the launcher, which then stops
 * its children in their order.
 */
export function startChild(options: ChildOptions): Promise<Child> {
  const sink = typeof options.output === 'number' ? options.output : 'pipe';
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', sink, sink],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
  });
  if (typeof options.output === 'function') {
    child.stdout?.on('data', options.output);
    child.stderr?.on('data', options.output);
  }
  const exited = new Promise<Exit>(resolve => {
    child.once('exit', (code, signal) => {
      // Its last words may still be in the pipe; a grandchild that holds the pipe open must not hold us.
      const timer = setTimeout(() => resolve({ code, signal }), lastWordsMs);
      child.once('close', () => {
        clearTimeout(timer);
        resolve({ code, signal });
      });
    });
  });
  const killGroup = (pid: number): void => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // the group is already gone
    }
  };
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const pid = child.pid;
      if (pid === undefined) return reject(new Error(`${options.command} started without a process id`));
      resolve({
        pid,
        exited,
        kill: () => killGroup(pid),
        async stop({ signal, deadlineMs }) {
          if (child.exitCode === null && child.signalCode === null) child.kill(signal);
          const timer = setTimeout(() => killGroup(pid), deadlineMs);
          try {
            return await exited;
          } finally {
            clearTimeout(timer);
          }
        },
      });
    });
  });
}
