import { randomBytes } from 'node:crypto';
import { databaseUrl } from './infra-access.ts';
import { copyTemplate, dropDatabase } from './infra-template.ts';

export type TestDatabase = {
  url: string;
  drop(): Promise<void>;
};

/** A migrated database of its own; `drop()` also ends the sessions that are still open in it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = await databaseUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = await copyTemplate(adminUrl, name);
  return { url, drop: () => dropDatabase(adminUrl, name) };
}
