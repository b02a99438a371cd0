import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { obtainPostgresAccount } from '../../install/dev/servers/postgres-account.ts';
import { startChild } from '../../install/dev/system/child.ts';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { waitFor } from './wait-for.ts';

export type DebianPostgres = { url: string; stop(): Promise<void> };

const root = '/usr/lib/postgresql';

export function hasDebianPostgres(): boolean {
  return newestVersion() !== undefined;
}

/** The newest server of Debian's packages, in a folder that dies with it; its role may create databases. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const bin = join(root, newestVersion() ?? '', 'bin');
  const account = await obtainPostgresAccount();
  const dir = await mkdtemp(join(tmpdir(), 'debian-postgres-'));
  if (account) await chown(dir, account.uid, account.gid);
  const data = join(dir, 'data');
  const options = { cwd: '/', ...account };
  await promisify(execFile)(
    join(bin, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'relay', '--no-sync', '-E', 'UTF8'],
    options,
  );
  const port = await findFreePort();
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off' };
  const child = await startChild({
    command: join(bin, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: '/',
    output: () => undefined,
    ...(account === undefined ? {} : { user: account }),
  });
  process.once('exit', child.kill);
  const url = `postgres://relay@127.0.0.1:${port}/relay`;
  await waitFor(() => createDatabase(url), { what: 'PostgreSQL of Debian', timeoutMs: 30_000 });
  return {
    url,
    async stop() {
      process.removeListener('exit', child.kill);
      await child.stop({ signal: 'SIGINT', deadlineMs: 10_000 });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function createDatabase(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url.replace(/\/relay$/, '/postgres') });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('CREATE DATABASE relay').finally(() => client.end());
  return true;
}

function newestVersion(): string | undefined {
  try {
    return readdirSync(root).toSorted((one, other) => Number(other) - Number(one))[0];
  } catch {
    return undefined;
  }
}
