import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { runCommand } from '../system/command.ts';
import type { Account } from './postgres-account.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';

/**
 * A cluster lives in `<dir>/cluster`, the password of its one login role beside it in `<dir>/password`.
 *
 * As root the server runs as another user, who may not pass through the folders above the cluster (`.data` is ours
 * alone, and so may be the checkout). So every PostgreSQL program starts with the cluster as its working folder and is
 * told that the data is in /proc/self/cwd: that link leads to the folder itself, without a walk from the root.
 * Moving the data to /var/lib works too, but then deleting `.data` would not delete the data.
 */
export type Cluster = { path: string; dataArgument: string; password: string; account: Account | undefined };

export type RoleOptions = {
  /** Login role and the database it owns. */
  name: string;
  /** And roles: what tests need beyond the product. */
  mayCreateDatabases: boolean;
};

/** As root a cluster that an ordinary user made is run as that user: PostgreSQL refuses data of somebody else. */
export async function ownerOfCluster(dir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const stats = await stat(join(dir, 'cluster')).catch(() => undefined);
  return stats === undefined || stats.uid === 0 ? undefined : { uid: stats.uid, gid: stats.gid };
}

const initDeadlineMs = 60_000;

export async function openCluster(request: {
  dir: string;
  binaries: PostgresBinaries;
  account: Account | undefined;
  role: RoleOptions;
}): Promise<Cluster> {
  const { dir, binaries, account } = request;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const password = await keepPassword(join(dir, 'password'));
  const path = join(dir, 'cluster');
  const cluster: Cluster = { path, dataArgument: account === undefined ? path : '/proc/self/cwd', password, account };
  const present = await readFile(join(path, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (present === undefined) {
    // Built beside and renamed when complete, so that a start which is killed half-way leaves no half cluster.
    const draft = join(dir, 'cluster.new');
    await rm(draft, { recursive: true, force: true });
    await initialise(
      { ...cluster, path: draft, dataArgument: account === undefined ? draft : '/proc/self/cwd' },
      request,
    );
    await rename(draft, path);
    return cluster;
  }
  const wanted = binaries.version.split('.')[0];
  if (present.trim() !== wanted) {
    throw new OperatorError(
      `${path} holds data of PostgreSQL ${present.trim()}, but the installed server is ${binaries.version}; dump and reload it with the old version, or move the folder away.`,
    );
  }
  return cluster;
}

async function initialise(cluster: Cluster, request: { binaries: PostgresBinaries; role: RoleOptions }): Promise<void> {
  await mkdir(cluster.path, { mode: 0o700 });
  const { account } = cluster;
  if (account !== undefined) await chown(cluster.path, account.uid, account.gid);
  const placement = { ...account, cwd: cluster.path, timeoutMs: initDeadlineMs };

  const created = await runCommand(
    request.binaries.initdb,
    [
      ...['-D', cluster.dataArgument, '--username=postgres', '--encoding=UTF8', '--locale=C'],
      ...['--auth-local=reject', '--auth-host=scram-sha-256', '--no-instructions', '--no-sync'],
    ],
    placement,
  );
  if (created.code !== 0) throw failed('initdb', created.output);

  const { name, mayCreateDatabases } = request.role;
  await runAsSuperuser(cluster, request.binaries, [
    `CREATE ROLE ${name} LOGIN ${mayCreateDatabases ? 'CREATEDB CREATEROLE' : 'NOCREATEDB'} PASSWORD '${cluster.password}'`,
    `CREATE DATABASE ${name} OWNER ${name}`,
  ]);
}

/** Another login role of the cluster than the owner of the product's database. */
export type LoginRole = { name: string; attributes: string; memberOf?: string };

/** May create databases and roles: what the product's own role must never be able to do. */
export function administrator(name: string): LoginRole {
  return { name, attributes: 'CREATEDB CREATEROLE' };
}

/** For relay and ingest, which own nothing: the migrations give the group its rights. */
export const serviceRole: LoginRole = { name: 'relay_app', attributes: '', memberOf: 'relay_service' };

/**
 * Made once, also in a cluster of an older start, while no server runs on it.
 *
 * @returns its password, kept in `<dir>/<name>-password`.
 */
export async function openLoginRole(
  cluster: Cluster,
  request: { dir: string; role: LoginRole; binaries: PostgresBinaries },
): Promise<string> {
  const { dir, binaries } = request;
  const { name, attributes, memberOf } = request.role;
  const path = join(dir, `${name}-password`);
  const kept = await readPassword(path);
  if (kept !== undefined) return kept;
  const password = newPassword();
  await runAsSuperuser(cluster, binaries, [
    ...[...groupRoles, name].map(createIfAbsent),
    `ALTER ROLE ${name} LOGIN ${attributes} PASSWORD '${password}'`,
    ...(memberOf === undefined ? [] : [`GRANT ${memberOf} TO ${name}`]),
  ]);
  await writePassword(path, password);
  return password;
}

/** What the migrations give rights to, and may not make here themselves (shared/store/migrations, `grant_roles`). */
const groupRoles = ['relay_service', 'relay_auditor'];

/** A start that was killed before the password was kept has left the role behind. */
function createIfAbsent(name: string): string {
  return `DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name}; END IF; END$$`;
}

/** Single-user mode needs no superuser password, so none exists: nobody but this folder's owner is superuser. */
async function runAsSuperuser(cluster: Cluster, binaries: PostgresBinaries, statements: string[]): Promise<void> {
  const result = await runCommand(binaries.postgres, ['--single', '-j', '-D', cluster.dataArgument, 'postgres'], {
    ...cluster.account,
    cwd: cluster.path,
    timeoutMs: initDeadlineMs,
    input: [...statements, ''].join(';\n\n'),
  });
  if (result.code !== 0 || /\b(ERROR|FATAL):/.test(result.output)) throw failed('creating the role', result.output);
}

function failed(step: string, output: string): OperatorError {
  const reason = output.split('\n').findLast(line => /error|fatal/i.test(line)) ?? output.trim().split('\n').at(-1);
  return new OperatorError(`PostgreSQL could not be set up: ${step} said "${reason?.trim()}".`);
}

async function keepPassword(path: string): Promise<string> {
  const kept = await readPassword(path);
  if (kept !== undefined) return kept;
  const password = newPassword();
  await writePassword(path, password);
  return password;
}

async function readPassword(path: string): Promise<string | undefined> {
  const kept = await readFile(path, 'utf8').catch(() => '');
  return kept.trim() || undefined;
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

async function writePassword(path: string, password: string): Promise<void> {
  await writeFile(path, `${password}\n`, { mode: 0o600 });
}
