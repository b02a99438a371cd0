import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from './operator-error.js';
import { reasonInLog } from './servers/log-reason.ts';
import { findRedisBinary } from './servers/redis-binary.ts';
import { pingRedis } from './servers/redis-ping.ts';
import type { RunningServer } from './servers/running-server.ts';
import { type Child, startChild } from './system/child.ts';
import { findFreePort } from './system/ports.ts';

/**
 * A real Redis on loopback whose acknowledgement means "on disk": append-only file, fsync before every reply, and an
 * error instead of eviction when memory ends. Snapshots (RDB) would only add a second, older copy.
 */
export type RedisOptions = {
  dir: string;
  /** Kept over a restart; a free one is picked when absent. */
  port?: number;
  /** Tests that do not prove durability may trade it for speed. */
  appendFsync?: 'always' | 'everysec' | 'no';
  logFile?: string;
  /** Loading a large append-only file takes its time: about 1 s per 100 MB. */
  readyTimeoutMs?: number;
  /** Called before it is ready, so that an interrupted start can still be cleaned up. */
  onSpawn?: (pid: number) => void;
};

const stopDeadlineMs = 10_000;

export async function startRedis(options: RedisOptions): Promise<RunningServer & { port: number }> {
  const binary = await findRedisBinary();
  if (binary === undefined) {
    throw new OperatorError('redis-server is not installed; run "apt-get install redis-server" or set REDIS_URL.');
  }
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const child = await launch(binary.path, port, options);
    options.onSpawn?.(child.pid);
    if (await waitUntilReady(child, port, options.readyTimeoutMs ?? 120_000)) {
      return {
        url: `redis://127.0.0.1:${port}`,
        version: binary.version,
        port,
        pid: child.pid,
        exited: child.exited,
        kill: child.kill,
        stop: async () => void (await child.stop({ signal: 'SIGTERM', deadlineMs: stopDeadlineMs })),
      };
    }
    await child.stop({ signal: 'SIGTERM', deadlineMs: 2_000 });
    // Somebody may have taken the free port in between; with a port that was asked for there is nothing else to try.
    if (options.port !== undefined || attempt === 3) {
      const reason = await reasonInLog(
        logPath(options),
        /^.* # (?=.*(?:Fail|Can't|Could not|Bad|Unrecoverable|error))/,
      );
      throw new OperatorError(`Redis did not start: ${reason}.`);
    }
  }
}

function logPath(options: RedisOptions): string {
  return options.logFile ?? join(options.dir, 'redis.log');
}

async function launch(binaryPath: string, port: number, options: RedisOptions): Promise<Child> {
  const log = await open(logPath(options), 'a', 0o600);
  try {
    return await startChild({
      command: binaryPath,
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'yes'],
        ...['--dir', options.dir, '--daemonize', 'no'],
        ...['--appendonly', 'yes', '--appendfsync', options.appendFsync ?? 'always', '--save', ''],
        ...['--maxmemory-policy', 'noeviction', '--stream-node-max-bytes', '16384'],
      ],
      output: log.fd,
    });
  } finally {
    await log.close();
  }
}

async function waitUntilReady(child: Child, port: number, timeoutMs: number): Promise<boolean> {
  let hasExited = false;
  void child.exited.then(() => {
    hasExited = true;
  });
  const deadline = Date.now() + timeoutMs;
  while (!hasExited && Date.now() < deadline) {
    const answer = await pingRedis(port);
    if (answer?.pid === child.pid && answer.isReady) return true;
    await sleep(20);
  }
  return false;
}
