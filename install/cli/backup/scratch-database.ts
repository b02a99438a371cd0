import { randomBytes } from 'node:crypto';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { silent } from '../stores.ts';

const STATEMENT_TIMEOUT_MS = 3_600_000;

/** An empty database of the same server, for as long as `work` takes. @throws Error that says what the role lacks */
export async function withScratchDatabase<Result>(
  adminUrl: string,
  work: (scratch: { url: string; pool: PostgresPool['pool'] }) => Promise<Result>,
): Promise<Result> {
  const open = (databaseUrl: string) =>
    createPool({
      ...{ databaseUrl, name: 'relay command line', max: 1, logger: silent },
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
  const name = `relay_verify_${randomBytes(6).toString('hex')}`;
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const admin = open(adminUrl);
  try {
    await admin.pool.query(`CREATE DATABASE ${name} TEMPLATE template0`).catch(cause => {
      const hint = 'ALTER ROLE … CREATEDB gives the right, or SCRATCH_DATABASE_URL names a role that has it';
      throw new Error(`No database could be made to try the backup in (${messageOf(cause)}): ${hint}.`, { cause });
    });
    const scratch = open(url.href);
    try {
      return await work({ url: url.href, pool: scratch.pool });
    } finally {
      await scratch.stop();
      await admin.pool.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    }
  } finally {
    await admin.stop();
  }
}
