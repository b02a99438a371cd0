import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { DATABASE_OPTIONS } from '@3cx-relay/shared/store/schema-guard.ts';
import { type Finding, failure, ok, warning } from './check.ts';

/** What keeps a committed row through a crash. The worker trims the log in Redis by what PostgreSQL said it has. */
const WANTED: readonly (readonly [setting: string, why: string])[] = [
  ['fsync', 'a power cut may leave nothing that can be read'],
  ['full_page_writes', 'a power cut may leave pages that are half old'],
  ['synchronous_commit', 'a crash loses the last commits, which Redis may have trimmed by then'],
];
/** A relay with its history and its panel, a worker, ingest and a command, with their defaults (install/SCALING.md). */
const OUR_CONNECTIONS = 25 + 19 + 3 + 4;
const RESERVED = 'superuser_reserved_connections';

export type PostgresSettings = Readonly<Record<string, string | undefined>>;

/** As they are for the role that asks. */
export async function readPostgresSettings(pool: PostgresPool['pool']): Promise<PostgresSettings> {
  const names = [...WANTED.map(([name]) => name), 'max_connections', 'server_encoding', RESERVED];
  const { rows } = await pool.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
    [names],
  );
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

export function judgePostgresSettings(settings: PostgresSettings): Finding {
  const encoding = settings.server_encoding;
  if (encoding !== undefined && encoding !== 'UTF8')
    return failure(
      `the database is encoded in ${encoding}, and single rows are refused`,
      `dump it, create it again with CREATE DATABASE … ${DATABASE_OPTIONS}, and restore it`,
    );
  const wrong = WANTED.filter(([name]) => settings[name] === 'off');
  if (wrong.length > 0) {
    const names = wrong.map(([name]) => `${name} = on`).join(', ');
    return failure(
      wrong.map(([name, why]) => `${name} is off: ${why}`).join('; '),
      `set ${names} in postgresql.conf, see that no ALTER ROLE or ALTER DATABASE says otherwise, and reload PostgreSQL`,
    );
  }
  const free = Number(settings.max_connections) - Number(settings[RESERVED] ?? 0);
  if (free < OUR_CONNECTIONS)
    return warning(
      `max_connections leaves ${free}, and one relay, worker and ingest may open ${OUR_CONNECTIONS}`,
      'raise max_connections, by 25 more for each further relay, and restart PostgreSQL',
    );
  return ok('PostgreSQL keeps what was committed, and has connections enough');
}
