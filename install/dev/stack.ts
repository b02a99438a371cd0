import { fileURLToPath } from 'node:url';
import { OperatorError } from './operator-error.js';
import { openDataFolder } from './stack/data-folder.ts';
import { readEnvironment } from './stack/environment.ts';
import { endLeftovers } from './stack/leftovers.ts';
import { acquireLock } from './stack/lock.ts';
import { listenForStop } from './stack/signals.ts';
import { Stack } from './stack/stack.ts';
import { printSummary } from './stack/summary.ts';
import { fail, say, surviveClosedTerminal } from './terminal.js';

/**
 * The second stage of `npm start`, on Node 24: brings the product up, keeps it running, and leaves neither a process
 * nor a lock behind, whatever ends it.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const startedAt = Date.now();
surviveClosedTerminal();

try {
  await run();
} catch (error) {
  report(error);
  process.exitCode = exitCodeOf(error);
}
// Sockets of a last request or a watcher must not hold the launcher when everything it ran is gone.
process.exit();

async function run(): Promise<void> {
  const environment = readEnvironment(root, process.env);
  const folder = openDataFolder(root, environment.RELAY_DATA_DIR);
  const lock = acquireLock(folder.lock);
  let stack: Stack | undefined;
  const abandon = (): void => {
    stack?.kill();
    lock.release();
  };
  const stopRequested = listenForStop(() => {
    say('  stopped at once');
    abandon();
    process.exit(130);
  });
  process.once('uncaughtException', error => {
    report(error);
    abandon();
    process.exit(1);
  });
  try {
    await endLeftovers(lock.leftovers);
    stack = new Stack({
      ...{ root, environment, folder, lock, stopRequested },
      isWatching: process.argv.includes('--watch'),
    });
    const description = await stack.start();
    printSummary({
      description,
      dataPath: folder.path,
      callsPerMinute: environment.SIM_CALLS_PER_MINUTE ?? '60',
      pbx: environment.PBX_URL ?? `https://${environment.FQDN}`,
      startedInMs: Date.now() - startedAt,
    });
    await aborted(stopRequested);
  } catch (error) {
    // Giving up because the operator asked to is no failure.
    if (!stopRequested.aborted) {
      report(error);
      process.exitCode = exitCodeOf(error);
    }
  } finally {
    if (stopRequested.aborted) say('  stopping …');
    await stack?.stop();
    lock.release();
    if (stopRequested.aborted) say('  stopped');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // The timer keeps the process alive while it only waits.
  const alive = setInterval(() => {}, 60_000);
  return new Promise(resolve => {
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}

function exitCodeOf(error: unknown): number {
  return error instanceof OperatorError ? error.exitCode : 1;
}

function report(error: unknown): void {
  if (error instanceof Error && (error instanceof OperatorError || error.name === 'OperatorError')) fail(error.message);
  else console.error(error);
}
