import pg from 'pg';
import { migrate } from '../../shared/store/migrate.ts';
import { createServiceLogin } from './service-role.ts';

const templateName = 'relay_template';

/** Copying a migrated template takes some 30 ms; running every migration for every test would take far longer. */
export async function prepareTemplate(databaseUrl: string): Promise<void> {
  await execute(databaseUrl, `CREATE DATABASE ${templateName}`);
  await migrate({ databaseUrl: withDatabase(databaseUrl, templateName) });
  await createServiceLogin(databaseUrl);
}

export async function copyTemplate(databaseUrl: string, name: string): Promise<string> {
  // Its other way writes every page to the write-ahead log first, which takes five times as long.
  await execute(databaseUrl, `CREATE DATABASE ${name} TEMPLATE ${templateName} STRATEGY FILE_COPY`);
  return withDatabase(databaseUrl, name);
}

/** FORCE ends sessions that a killed process left behind. */
export function dropDatabase(databaseUrl: string, name: string): Promise<void> {
  return execute(databaseUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

function withDatabase(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function execute(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
