import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT_API_KEY = loadSql('insert-api-key');
const SELECT_BY_PREFIX = loadSql('select-api-keys-by-prefix');
const SELECT_BY_ID = loadSql('select-api-key-by-id');
const REMEMBER_DIGEST = loadSql('remember-api-key-digest');
const TOUCH_API_KEYS = loadSql('touch-api-keys');
const REVOKE_API_KEY = loadSql('revoke-api-key');
const LIST_API_KEYS = loadSql('list-api-keys');

export interface NewApiKey {
  readonly clientName: string;
  readonly keyHash: string;
  readonly keyPrefix: string;
  readonly keyDigest: Buffer;
  readonly digestKeyId: string;
  readonly permissions: readonly string[];
  readonly createdBy: string;
  readonly expiresAt: Date | null;
}

/** What verification needs of a stored key. */
export interface StoredApiKey {
  readonly id: number;
  readonly clientName: string;
  readonly keyHash: string;
  readonly keyDigest: Buffer | null;
  readonly digestKeyId: string | null;
  readonly permissions: readonly string[];
  readonly active: boolean;
  readonly expiresAt: Date | null;
}

/** What a person may see of a stored key: nothing that helps to guess it. */
export interface ListedApiKey {
  readonly id: number;
  readonly clientName: string;
  readonly prefix: string;
  readonly permissions: readonly string[];
  readonly active: boolean;
  readonly createdAt: Date;
  readonly createdBy: string | null;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
}

interface StoredRow {
  id: number;
  client_name: string;
  key_hash: string;
  key_digest: Buffer | null;
  digest_key_id: string | null;
  permissions: string[];
  active: boolean;
  expires_at: Date | null;
}

interface ListedRow {
  id: number;
  client_name: string;
  key_prefix: string;
  permissions: string[];
  active: boolean;
  created_at: Date;
  created_by: string | null;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
  revoked_by: string | null;
}

export async function insertApiKey(pool: pg.Pool, key: NewApiKey): Promise<number> {
  const { rows } = await pool.query<{ id: number }>(INSERT_API_KEY, [
    key.clientName,
    key.keyHash,
    key.keyPrefix,
    key.keyDigest,
    key.digestKeyId,
    JSON.stringify(key.permissions),
    key.createdBy,
    key.expiresAt,
  ]);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('PostgreSQL stored the API key but returned no id');
  return id;
}

export async function selectApiKeysByPrefix(pool: pg.Pool, keyPrefix: string): Promise<StoredApiKey[]> {
  const { rows } = await pool.query<StoredRow>(SELECT_BY_PREFIX, [keyPrefix]);
  return rows.map(toStored);
}

export async function selectApiKeyById(pool: pg.Pool, id: number): Promise<StoredApiKey | null> {
  const { rows } = await pool.query<StoredRow>(SELECT_BY_ID, [id]);
  return rows[0] ? toStored(rows[0]) : null;
}

function toStored(row: StoredRow): StoredApiKey {
  return {
    id: row.id,
    clientName: row.client_name,
    keyHash: row.key_hash,
    keyDigest: row.key_digest,
    digestKeyId: row.digest_key_id,
    permissions: row.permissions,
    active: row.active,
    expiresAt: row.expires_at,
  };
}

export async function rememberApiKeyDigest(
  pool: pg.Pool,
  id: number,
  digest: { value: Buffer; keyId: string },
): Promise<void> {
  await pool.query(REMEMBER_DIGEST, [id, digest.value, digest.keyId]);
}

export async function touchApiKeys(pool: pg.Pool, lastUsed: ReadonlyMap<number, Date>): Promise<void> {
  await pool.query(TOUCH_API_KEYS, [[...lastUsed.keys()], [...lastUsed.values()]]);
}

/** False when there is no such key or it was revoked before. */
export async function revokeApiKey(pool: pg.Pool, id: number, revokedBy: string): Promise<boolean> {
  const { rows } = await pool.query(REVOKE_API_KEY, [id, revokedBy]);
  return rows.length > 0;
}

export async function listApiKeys(pool: pg.Pool): Promise<ListedApiKey[]> {
  const { rows } = await pool.query<ListedRow>(LIST_API_KEYS);
  return rows.map(row => ({
    id: row.id,
    clientName: row.client_name,
    prefix: row.key_prefix,
    permissions: row.permissions,
    active: row.active,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
  }));
}
