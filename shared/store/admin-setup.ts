import type pg from 'pg';
import { insertAdminUser, type NewAdminUser } from './admin-users.ts';
import { loadSql } from './sql.ts';
import { inTransaction } from './transaction.ts';

const DELETE_CODES = loadSql('delete-admin-setup-codes');
const INSERT_CODE = loadSql('insert-admin-setup-code');
const SELECT_CODE = loadSql('select-admin-setup-code');
const TAKE_CODE = loadSql('take-admin-setup-code');

/** In the place of any that was made before. */
export async function replaceSetupCode(pool: pg.Pool, code: { digest: Buffer; expiresAt: Date }): Promise<void> {
  await inTransaction(pool, async client => {
    await client.query(DELETE_CODES);
    await client.query(INSERT_CODE, [code.digest, code.expiresAt]);
  });
}

export async function isSetupCode(pool: pg.Pool, code: { digest: Buffer; now: Date }): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(SELECT_CODE, [code.digest, code.now]);
  return rows[0]?.found === true;
}

/** Makes the first user and takes the code. Null when the code is not in force, or there is a user already. */
export async function insertFirstAdmin(
  pool: pg.Pool,
  code: { digest: Buffer; now: Date },
  user: NewAdminUser,
): Promise<{ id: number; username: string } | null> {
  return inTransaction(pool, async client => {
    const { rowCount } = await client.query(TAKE_CODE, [code.digest, code.now]);
    return rowCount === 1 ? insertAdminUser(client, user) : null;
  });
}
