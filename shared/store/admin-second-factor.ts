import type pg from 'pg';
import { loadSql } from './sql.ts';
import { inTransaction, type PostgresClient } from './transaction.ts';

const OFFER_TOTP = loadSql('offer-admin-totp');
const SELECT_OFFER = loadSql('select-admin-totp-offer');
const CONFIRM_TOTP = loadSql('confirm-admin-totp');
const ACCEPT_STEP = loadSql('accept-admin-totp-step');
const REMOVE_TOTP = loadSql('remove-admin-totp');
const DELETE_CODES = loadSql('delete-admin-recovery-codes');
const INSERT_CODES = loadSql('insert-admin-recovery-codes');
const USE_CODE = loadSql('use-admin-recovery-code');
const COUNT_CODES = loadSql('count-admin-recovery-codes');

/** Puts an encrypted secret beside the one in force, until it is confirmed. */
export async function offerTotp(pool: pg.Pool, userId: number, secret: Buffer): Promise<void> {
  await pool.query(OFFER_TOTP, [userId, secret]);
}

/** The encrypted secret that waits to be confirmed; null: none does. */
export async function selectTotpOffer(pool: pg.Pool, userId: number): Promise<Buffer | null> {
  const { rows } = await pool.query<{ totp_pending_secret: Buffer | null }>(SELECT_OFFER, [userId]);
  return rows[0]?.totp_pending_secret ?? null;
}

/** The secret that was offered is in force, with new recovery codes; false when another was offered meanwhile. */
export async function confirmTotp(
  pool: pg.Pool,
  userId: number,
  confirmed: { secret: Buffer; step: number; recoveryDigests: readonly Buffer[] },
): Promise<boolean> {
  return inTransaction(pool, async client => {
    const { rowCount } = await client.query(CONFIRM_TOTP, [userId, confirmed.secret, confirmed.step]);
    if (rowCount !== 1) return false;
    await putRecoveryCodes(client, userId, confirmed.recoveryDigests);
    return true;
  });
}

/** False when a code of this step, or a later one, was accepted before. */
export async function acceptTotpStep(pool: pg.Pool, userId: number, step: number): Promise<boolean> {
  const { rowCount } = await pool.query(ACCEPT_STEP, [userId, step]);
  return rowCount === 1;
}

/** With its recovery codes. False when there was none. */
export async function removeTotp(pool: pg.Pool, userId: number): Promise<boolean> {
  return inTransaction(pool, async client => {
    const { rowCount } = await client.query(REMOVE_TOTP, [userId]);
    await client.query(DELETE_CODES, [userId]);
    return rowCount === 1;
  });
}

/** In the place of all that were there. */
export async function replaceRecoveryCodes(pool: pg.Pool, userId: number, digests: readonly Buffer[]): Promise<void> {
  await inTransaction(pool, client => putRecoveryCodes(client, userId, digests));
}

/** False when there is no such code, or it was used before. */
export async function useRecoveryCode(
  pool: pg.Pool,
  userId: number,
  code: { digest: Buffer; now: Date },
): Promise<boolean> {
  const { rowCount } = await pool.query(USE_CODE, [userId, code.digest, code.now]);
  return rowCount === 1;
}

export async function countRecoveryCodes(pool: pg.Pool, userId: number): Promise<number> {
  const { rows } = await pool.query<{ codes_left: number }>(COUNT_CODES, [userId]);
  return rows[0]?.codes_left ?? 0;
}

async function putRecoveryCodes(client: PostgresClient, userId: number, digests: readonly Buffer[]): Promise<void> {
  await client.query(DELETE_CODES, [userId]);
  await client.query(INSERT_CODES, [userId, digests]);
}
