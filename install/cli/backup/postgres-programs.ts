import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Debian keeps the clients of each version here; the newest speaks to every older server. */
const VERSIONS = '/usr/lib/postgresql';

/** `pg_dump`, `pg_restore` or `psql`. */
export function clientProgram(name: string): string {
  const paths = versions().map(version => join(VERSIONS, version, 'bin', name));
  return paths.find(path => statSync(path, { throwIfNoEntry: false })?.isFile()) ?? name;
}

function versions(): string[] {
  try {
    return readdirSync(VERSIONS).toSorted((one, other) => Number(other) - Number(one));
  } catch {
    return [];
  }
}

/** For libpq: an address in the arguments would show its password to every user of the machine. */
export function postgresEnvironment(databaseUrl: string): NodeJS.ProcessEnv {
  const url = new URL(databaseUrl);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const given = {
    PGHOST: host,
    PGPORT: url.searchParams.get('port') ?? url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGSSLMODE: url.searchParams.get('sslmode') ?? '',
  };
  const set = Object.entries(given).filter(([, value]) => value !== '');
  return { PATH: process.env.PATH, LC_ALL: 'C', PGAPPNAME: 'relay command line', ...Object.fromEntries(set) };
}
