import { afterAll, inject } from 'vitest';
import { type LocalPart, startLocalPostgres, startLocalRedis } from './infra.ts';
import { prepareTemplate } from './infra-template.ts';

/**
 * The servers of the run when the global setup provides them, otherwise servers of this test file, started on first
 * use: a unit test beside its source then needs no configuration, and one that needs no server starts none.
 */
let ownRedis: Promise<LocalPart> | undefined;
let ownPostgres: Promise<LocalPart> | undefined;

afterAll(async () => {
  await Promise.all([ownRedis?.then(part => part.stop()), ownPostgres?.then(part => part.stop())]);
}, 30_000);

export async function redisUrl(): Promise<string> {
  const provided: string | undefined = inject('redisUrl');
  if (provided !== undefined) return provided;
  ownRedis ??= startLocalRedis();
  return (await ownRedis).url;
}

/** Beside it stands the migrated template database. */
export async function databaseUrl(): Promise<string> {
  const provided: string | undefined = inject('databaseUrl');
  if (provided !== undefined) return provided;
  ownPostgres ??= startLocalPostgres().then(async part => {
    await prepareTemplate(part.url);
    return part;
  });
  return (await ownPostgres).url;
}
