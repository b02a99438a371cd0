import type pg from 'pg';
import { loadSql } from './sql.ts';

const INSERT_API_KEY = loadSql('insert-api-key');
const ROTATE_API_KEY = loadSql('rotate-api-key');
const SELECT_BY_PREFIX = loadSql('select-api-keys-by-prefix');
const SELECT_BY_ID = loadSql('select-api-keys-by-id');
const REMEMBER_DIGEST = loadSql('remember-api-key-digest');
const TOUCH_API_KEYS = loadSql('touch-api-keys');
const REVOKE_API_KEY = loadSql('revoke-api-key');
const LIST_API_KEYS = loadSql('list-api-keys');
const LISTEN_API_KEYS = loadSql('listen-api-keys');

/**
 * Of a row that an index finds. Only a server that froze takes so long, and whoever stands at the door with a key that is
 * not known is to hear of that, and to hold a connection of the pool no longer.
 */
const LOOK_UP_MS = 5_000;

/** What narrows a key; null: nothing does. */
export interface KeyRestrictions {
  readonly expiresAt: Date | null;
  /** The extensions it may see and act on. */
  readonly dns: readonly string[] | null;
  /** IP addresses and CIDR ranges it may be used from. */
  readonly addresses: readonly string[] | null;
  /** Live connections at the same time, of one relay. */
  readonly maxConnections: number | null;
  readonly requestsPerSecond: number | null;
}

/** What is stored of the key itself: nothing that leads back to it. */
export interface KeySecret {
  readonly keyHash: string;
  readonly keyPrefix: string;
  readonly keyDigest: Buffer;
  readonly digestKeyId: string;
}

export interface NewApiKey extends KeySecret, KeyRestrictions {
  readonly clientName: string;
  readonly permissions: readonly string[];
  readonly createdBy: string;
}

/** What verification needs of a stored key. */
export interface StoredApiKey extends KeyRestrictions {
  readonly id: number;
  readonly clientName: string;
  readonly keyHash: string;
  readonly keyDigest: Buffer | null;
  readonly digestKeyId: string | null;
  readonly permissions: readonly string[];
  readonly active: boolean;
}

/** What a person may see of a stored key: nothing that helps to guess it. */
export interface ListedApiKey extends KeyRestrictions {
  readonly id: number;
  readonly clientName: string;
  readonly prefix: string;
  readonly permissions: readonly string[];
  readonly active: boolean;
  readonly createdAt: Date;
  readonly createdBy: string | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  /** The id of the key that a rotation made in its place. */
  readonly replacedBy: number | null;
}

/** What a rotation made of two keys: the new one, and when the old one ends. */
export interface RotatedApiKey {
  readonly id: number;
  readonly clientName: string;
  readonly oldExpiresAt: Date;
}

interface RestrictionColumns {
  expires_at: Date | null;
  dns: string[] | null;
  addresses: string[] | null;
  max_connections: number | null;
  requests_per_second: number | null;
}

interface StoredRow extends RestrictionColumns {
  id: number;
  client_name: string;
  key_hash: string;
  key_digest: Buffer | null;
  digest_key_id: string | null;
  permissions: string[];
  active: boolean;
}

interface ListedRow extends RestrictionColumns {
  id: number;
  client_name: string;
  key_prefix: string;
  permissions: string[];
  active: boolean;
  created_at: Date;
  created_by: string | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
  revoked_by: string | null;
  replaced_by: number | null;
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
    key.dns,
    key.addresses,
    key.maxConnections,
    key.requestsPerSecond,
  ]);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('PostgreSQL stored the API key but returned no id');
  return id;
}

/** Null when the old key is not there or not in force, or was replaced before. */
export async function rotateApiKey(
  pool: pg.Pool,
  oldId: number,
  rotation: KeySecret & { createdBy: string; now: Date; overlapUntil: Date },
): Promise<RotatedApiKey | null> {
  const { rows } = await pool.query<{ id: number; client_name: string; expires_at: Date }>(ROTATE_API_KEY, [
    oldId,
    rotation.keyHash,
    rotation.keyPrefix,
    rotation.keyDigest,
    rotation.digestKeyId,
    rotation.createdBy,
    rotation.now,
    rotation.overlapUntil,
  ]);
  const row = rows[0];
  return row ? { id: row.id, clientName: row.client_name, oldExpiresAt: row.expires_at } : null;
}

export async function selectApiKeysByPrefix(pool: pg.Pool, keyPrefix: string): Promise<StoredApiKey[]> {
  const { rows } = await pool.query<StoredRow>(lookUp(SELECT_BY_PREFIX, [keyPrefix]));
  return rows.map(toStored);
}

/** pg takes the limit with a single query, too; its types know it of connections alone. */
function lookUp(text: string, values: unknown[]): pg.QueryConfig {
  const query: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: LOOK_UP_MS };
  return query;
}

/** In no order; ids that nobody has are left out. */
export async function selectApiKeysById(
  queryable: pg.Pool | pg.Client,
  ids: readonly number[],
): Promise<StoredApiKey[]> {
  const { rows } = await queryable.query<StoredRow>(lookUp(SELECT_BY_ID, [ids]));
  return rows.map(toStored);
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

/** The key as it was; null when there is no such key or it was revoked before. */
export async function revokeApiKey(
  pool: pg.Pool,
  id: number,
  revokedBy: string,
): Promise<{ clientName: string; prefix: string } | null> {
  const { rows } = await pool.query<{ client_name: string; key_prefix: string }>(REVOKE_API_KEY, [id, revokedBy]);
  const row = rows[0];
  return row ? { clientName: row.client_name, prefix: row.key_prefix } : null;
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
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    ...toRestrictions(row),
    replacedBy: row.replaced_by,
  }));
}

/** From now on this connection is notified of every key that was changed, with its id as the payload. */
export async function listenToApiKeys(client: pg.Client): Promise<void> {
  await client.query(LISTEN_API_KEYS);
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
    ...toRestrictions(row),
  };
}

function toRestrictions(row: RestrictionColumns): KeyRestrictions {
  return {
    expiresAt: row.expires_at,
    dns: row.dns,
    addresses: row.addresses,
    maxConnections: row.max_connections,
    requestsPerSecond: row.requests_per_second,
  };
}
