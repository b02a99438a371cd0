import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { watchNpm } from './npm-watch.js';
import { isRecentNode } from './packages.js';

/**
 * Node 24 runs TypeScript as it is; the packages bring it, whatever Node started this script.
 *
 * @param {string} root
 * @returns {string}
 */
export function findNode24(root) {
  const bundled = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(bundled)) return bundled;
  if (isRecentNode()) return process.execPath;
  throw new OperatorError(
    'The package "node" has no binary for this machine; install Node.js 24 or later and start again.',
  );
}

/**
 * Runs a program in the foreground with Node 24 and resolves with its exit code. Signals are passed on: whoever
 * signals this process means that one. The channel between the two tells the program when this process is gone.
 *
 * @param {string} root
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, channel?: boolean }} [options]
 * @returns {Promise<number>}
 */
export function runNode24(root, args, options = {}) {
  const child = spawn(findNode24(root), args, {
    cwd: options.cwd ?? root,
    // A third less time for each start of a process: the stripped and compiled sources are kept.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'), ...(options.env ?? process.env) },
    stdio: ['inherit', 'inherit', 'inherit', ...(options.channel ? /** @type {const} */ (['ipc']) : [])],
  });
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  const pass = signals.map(signal => ({ signal, listener: () => void child.kill(signal) }));
  for (const { signal, listener } of pass) process.on(signal, listener);
  const stopWatching = watchNpm(() => void child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const { signal: name, listener } of pass) process.removeListener(name, listener);
      stopWatching();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/**
 * The frame of every first-stage script: run it, and turn a failure into one sentence and an exit code.
 *
 * @param {() => Promise<number>} main
 * @returns {Promise<void>}
 */
export async function runScript(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}
