import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import {
  insertApiKey,
  type ListedApiKey,
  listApiKeys,
  rememberApiKeyDigest,
  revokeApiKey,
  type StoredApiKey,
  selectApiKeyById,
  selectApiKeysByPrefix,
  touchApiKeys,
} from '@3cx-relay/shared/store/api-keys.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import { prefixOf, randomApiKey } from './api-key-format.ts';
import { createKeyDigest, isSameDigest, type KeyDigest } from './key-digest.ts';
import type { PasswordHash } from './password-hash.ts';
import type { Validation } from './validation.ts';
import { ValidationCache } from './validation-cache.ts';

export interface APIKeyManagerDeps {
  readonly pool: PostgresPool['pool'];
  readonly adminSecret: string;
  readonly passwordHash: PasswordHash;
  readonly logger: Logger;
  readonly now?: () => number;
}

const MAX_CACHED = 10_000;
/** How long a known client waits for PostgreSQL before the stale answer will do. */
const STALE_AFTER_MS = 500;
const LAST_USED_EVERY_MS = 15_000;
const NAME_MAX_LENGTH = 100;

/**
 * Creates, checks and revokes API keys.
 *
 * bcrypt is what is stored, and it is computed when a key is made. Checking a key compares a keyed digest that
 * remembers bcrypt's answer (key-digest.ts); bcrypt itself runs again only for a row whose digest is missing or was
 * made with another ADMIN_SECRET. So neither 500 clients that reconnect at once nor a stranger with a wrong key cost
 * bcrypt, and while PostgreSQL is away the clients that were known go on.
 */
export class APIKeyManager {
  readonly #deps: APIKeyManagerDeps;
  readonly #now: () => number;
  readonly #digest: KeyDigest;
  readonly #cache: ValidationCache;
  readonly #lookups = new Map<string, Promise<Validation>>();
  readonly #lastUsed = new Map<number, Date>();
  #revocations = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(deps: APIKeyManagerDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#digest = createKeyDigest(deps.adminSecret);
    this.#cache = new ValidationCache(MAX_CACHED, this.#now);
    this.#timer = setInterval(() => void this.#writeLastUsed(), LAST_USED_EVERY_MS).unref();
  }

  /**
   * The returned key is shown this once: nothing that is stored leads back to it.
   *
   * @throws OperatorError `API_KEY_INVALID`
   */
  async generateKey(
    clientName: string,
    permissions: readonly string[],
    createdBy: string,
  ): Promise<{ id: number; apiKey: string; prefix: string }> {
    const name = toClientName(clientName);
    const granted = toPermissions(permissions);
    const apiKey = randomApiKey();
    const prefix = prefixOf(apiKey) ?? '';
    const id = await insertApiKey(this.#deps.pool, {
      clientName: name,
      keyHash: await this.#deps.passwordHash.hash(apiKey),
      keyPrefix: prefix,
      keyDigest: this.#digest.digest(apiKey),
      digestKeyId: this.#digest.keyId,
      permissions: granted,
      createdBy,
      expiresAt: null,
    });
    return { id, apiKey, prefix };
  }

  /** @throws OperatorError `KEY_STORE_AWAY` when PostgreSQL is away and this key was not seen before */
  async validateKey(apiKey: string): Promise<Validation> {
    const prefix = prefixOf(apiKey);
    if (!prefix) return { ok: false, reason: 'malformed' };
    const digest = this.#digest.digest(apiKey).toString('hex');
    const cached = this.#cache.get(digest);
    const validation = cached?.isFresh
      ? cached.validation
      : await this.#withStale(cached?.validation, this.#lookUpOnce(digest, { apiKey, prefix }));
    return this.#seenNow(validation);
  }

  /**
   * As `validateKey`, for one who has shown the key before and got something in exchange.
   *
   * @throws OperatorError `KEY_STORE_AWAY` when PostgreSQL is away
   */
  async validateKeyId(id: number): Promise<Validation> {
    const row = await this.#ask(() => selectApiKeyById(this.#deps.pool, id));
    return row ? this.#seenNow(toValidation(row)) : { ok: false, reason: 'unknown' };
  }

  /** False when there is no such key or it was revoked before. */
  async revokeKey(keyId: number, revokedBy: string): Promise<boolean> {
    const isRevoked = await revokeApiKey(this.#deps.pool, keyId, revokedBy);
    this.#revocations += 1;
    this.#cache.forgetKey(keyId);
    return isRevoked;
  }

  async listKeys(): Promise<ListedApiKey[]> {
    return listApiKeys(this.#deps.pool);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writeLastUsed();
  }

  /** Expiry is a matter of the clock, not of the store: a cached answer must not outlive it. */
  #seenNow(validation: Validation): Validation {
    if (!validation.ok) return validation;
    const now = this.#now();
    if (validation.key.expiresAt && validation.key.expiresAt.getTime() <= now) return { ok: false, reason: 'expired' };
    this.#lastUsed.set(validation.key.id, new Date(now));
    return validation;
  }

  async #withStale(stale: Validation | undefined, lookup: Promise<Validation>): Promise<Validation> {
    if (!stale?.ok) return lookup;
    // A server that refuses fails at once, one that froze says nothing for seconds: both give the stale answer.
    const { promise: tooSlow, resolve } = Promise.withResolvers<Validation>();
    const timer = setTimeout(resolve, STALE_AFTER_MS, stale);
    try {
      return await Promise.race([lookup.catch(error => this.#staleOrThrow(stale, error)), tooSlow]);
    } finally {
      clearTimeout(timer);
    }
  }

  #staleOrThrow(stale: Validation, error: unknown): Validation {
    if (error instanceof OperatorError && error.code === 'KEY_STORE_AWAY') return stale;
    throw error;
  }

  #lookUpOnce(digest: string, key: { apiKey: string; prefix: string }): Promise<Validation> {
    const running = this.#lookups.get(digest);
    if (running) return running;
    const revocationsBefore = this.#revocations;
    const lookup = this.#lookUp(key)
      .then(validation => {
        // A row that was read just before it was revoked must not come back into the cache as valid.
        if (this.#revocations === revocationsBefore) this.#cache.set(digest, validation);
        return validation;
      })
      .finally(() => this.#lookups.delete(digest));
    this.#lookups.set(digest, lookup);
    return lookup;
  }

  async #lookUp(key: { apiKey: string; prefix: string }): Promise<Validation> {
    return this.#ask(async () => {
      for (const row of await selectApiKeysByPrefix(this.#deps.pool, key.prefix)) {
        if (await this.#matches(row, key.apiKey)) return toValidation(row);
      }
      return { ok: false, reason: 'unknown' };
    });
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await question();
    } catch (error) {
      if (!isPostgresAway(error)) throw error;
      const message = `API keys cannot be checked because PostgreSQL is away (${messageOf(error)})`;
      throw new OperatorError('KEY_STORE_AWAY', message, { cause: error });
    }
  }

  async #matches(row: StoredApiKey, apiKey: string): Promise<boolean> {
    const value = this.#digest.digest(apiKey);
    if (row.keyDigest && row.digestKeyId === this.#digest.keyId) return isSameDigest(row.keyDigest, value);
    if (!(await this.#deps.passwordHash.verify(apiKey, row.keyHash))) return false;
    await rememberApiKeyDigest(this.#deps.pool, row.id, { value, keyId: this.#digest.keyId });
    return true;
  }

  async #writeLastUsed(): Promise<void> {
    if (this.#lastUsed.size === 0) return;
    const lastUsed = new Map(this.#lastUsed);
    this.#lastUsed.clear();
    try {
      await touchApiKeys(this.#deps.pool, lastUsed);
    } catch (error) {
      // Losing the minute a key was last used is better than holding up those who use it.
      this.#deps.logger.debug({ err: error }, 'last use of API keys was not written');
    }
  }
}

function toValidation(row: StoredApiKey): Validation {
  if (!row.active) return { ok: false, reason: 'revoked' };
  // A permission that a newer version granted and this one does not know grants nothing here.
  const permissions = row.permissions.filter(isPermission);
  return { ok: true, key: { id: row.id, clientName: row.clientName, permissions, expiresAt: row.expiresAt } };
}

function isPermission(name: string): name is Permission {
  return (PERMISSIONS as readonly string[]).includes(name);
}

function toClientName(text: string): string {
  const name = text.trim();
  if (name.length === 0 || name.length > NAME_MAX_LENGTH || /\p{Cc}/u.test(name)) {
    throw new OperatorError(
      'API_KEY_INVALID',
      `clientName must be 1 to ${NAME_MAX_LENGTH} characters without line breaks (it has ${name.length})`,
    );
  }
  return name;
}

function toPermissions(names: readonly string[]): Permission[] {
  const wrong = names.find(name => !isPermission(name));
  if (wrong !== undefined || names.length === 0) {
    const found = wrong === undefined ? 'it is empty' : `it has ${JSON.stringify(wrong)}`;
    throw new OperatorError('API_KEY_INVALID', `permissions must be some of ${PERMISSIONS.join(', ')} (${found})`);
  }
  return PERMISSIONS.filter(permission => names.includes(permission));
}
