import { randomBytes } from 'node:crypto';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { DATABASE_OPTIONS } from '@3cx-relay/shared/store/schema-guard.ts';
import { silent } from '../stores.ts';
import { runProgram } from '../system.ts';

const STATEMENT_TIMEOUT_MS = 3_600_000;
const PROGRAM_TIMEOUT_MS = 60_000;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

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
    await create(admin.pool, name, url);
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

/** By the role itself, or where it may not by the administrator of a server on this machine. */
async function create(admin: PostgresPool['pool'], name: string, url: URL): Promise<void> {
  const statement = `CREATE DATABASE ${name} ${DATABASE_OPTIONS}`;
  try {
    await admin.query(statement);
  } catch (cause) {
    const owner = decodeURIComponent(url.username).replaceAll('"', '""');
    const sql = `${statement} OWNER "${owner}"`;
    const args = ['-u', 'postgres', '--', 'psql', '-X', '-q', '-p', url.port || '5432', '-d', 'postgres', '-c', sql];
    const isLocal = LOOPBACK.has(url.hostname) && process.getuid?.() === 0;
    if (isLocal && (await runProgram('runuser', args, { timeoutMs: PROGRAM_TIMEOUT_MS, cwd: '/' })).code === 0) return;
    const hint = 'ALTER ROLE … CREATEDB gives the right, or SCRATCH_DATABASE_URL names a role that has it';
    throw new Error(`No database could be made to try the backup in (${messageOf(cause)}): ${hint}.`, { cause });
  }
}
