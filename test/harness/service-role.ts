import pg from 'pg';

/**
 * The login role of relay and ingest in tests: a member of relay_service and nothing else, so that every suite proves
 * that those rights are enough. The database stays the property of the role that the tests themselves use.
 */
const NAME = 'relay_app';
const PASSWORD = 'for-tests-only';

/** Once for each server, when the group role is there. */
export async function createServiceLogin(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`CREATE ROLE ${NAME} LOGIN PASSWORD '${PASSWORD}' IN ROLE relay_service`);
    // Whoever drops a database ends the sessions that are left in it, and may only end those of roles he is.
    await client.query(`GRANT ${NAME} TO CURRENT_USER WITH INHERIT TRUE`);
  } finally {
    await client.end();
  }
}

/** The same database, with the rights of relay and ingest. */
export function asService(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.username = NAME;
  url.password = PASSWORD;
  return url.href;
}
