import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findUnknownMigrations } from '@3cx-relay/shared/store/schema-guard.ts';
import type { Settings } from '../settings.ts';
import { openPostgres } from '../stores.ts';
import { migrationsOf } from './releases.ts';

/**
 * A release must know every migration of the database, but for those that say of themselves that older versions may go
 * on working with the schema.
 *
 * @throws Error that names the first one it does not know
 */
export async function requireKnownSchema(settings: Settings, release: { folder: string; version: string }) {
  const { pool, stop } = openPostgres(settings);
  try {
    const [unknown] = await findUnknownMigrations(pool, new Set(migrationsOf(release.folder)));
    if (unknown === undefined) return;
    throw new Error(
      `version ${release.version} does not know the migration ${unknown} that the database has: restore the backup from before it, or keep the newer version.`,
    );
  } finally {
    await stop();
  }
}

/** Migrations that `to` brings beyond `from`, and which of them `from` could not work with. */
export function compareMigrations(from: string, to: string): { added: string[]; breaking: string[] } {
  const known = new Set(migrationsOf(from));
  const added = migrationsOf(to).filter(name => !known.has(name));
  const isAddition = (name: string) =>
    /INSERT\s+INTO\s+schema_additions/i.test(readFileSync(join(to, 'shared/store/migrations', `${name}.sql`), 'utf8'));
  return { added, breaking: added.filter(name => !isAddition(name)) };
}
