import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import {
  insertApiKey,
  type KeySecret,
  type ListedApiKey,
  listApiKeys,
  rememberApiKeyDigest,
  revokeApiKey,
  rotateApiKey,
  type StoredApiKey,
  selectApiKeysById,
  selectApiKeysByPrefix,
  touchApiKeys,
} from '@3cx-relay/shared/store/api-keys.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { PasswordHash } from '../passwords/password-hash.ts';
import { prefixOf, randomApiKey } from './api-key-format.ts';
import { type KeyOperation, type KeyOperator, operatorNamed } from './key-audit.ts';
import { createKeyDigest, isSameDigest, type KeyDigest } from './key-digest.ts';
import {
  isKeyId,
  type KeyOptions,
  type NewKeyInput,
  parseNewKey,
  parseRevocation,
  parseRotation,
} from './key-input.ts';
import { hasExpired, keyIdOf, toValidation, type Validation } from './validation.ts';
import { ValidationCache } from './validation-cache.ts';

export interface APIKeyManagerDeps {
  readonly pool: PostgresPool['pool'];
  readonly adminSecret: string;
  readonly passwordHash: PasswordHash;
  readonly logger: Logger;
  readonly now?: () => number;
  /** Called behind each operation that the auditors want to know of. */
  readonly onOperation?: (operation: KeyOperation) => void;
}

/** Whose name goes on record with the key; of a name alone the audit knows no more. */
export type KeyAuthor = string | KeyOperator;

/** A key is shown to whoever made it this once: nothing that is stored leads back to it. */
export interface GeneratedKey {
  readonly id: number;
  readonly apiKey: string;
  readonly prefix: string;
}

export interface RotatedKey extends GeneratedKey {
  /** When the key that was rotated ends. */
  readonly oldExpiresAt: Date;
}

const MAX_CACHED = 10_000;
/** How long a known client waits for PostgreSQL before the stale answer will do. */
const STALE_AFTER_MS = 500;
const LAST_USED_EVERY_MS = 15_000;

/**
 * Creates, checks, rotates and revokes API keys.
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
  #changes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(deps: APIKeyManagerDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#digest = createKeyDigest(deps.adminSecret);
    this.#cache = new ValidationCache(MAX_CACHED, this.#now);
    this.#timer = setInterval(() => void this.#writeLastUsed(), LAST_USED_EVERY_MS).unref();
  }

  /** @throws OperatorError `API_KEY_INVALID` that names the field and what would be right */
  async generateKey(
    clientName: string,
    permissions: readonly string[],
    createdBy: KeyAuthor,
    options: KeyOptions = {},
  ): Promise<GeneratedKey & Pick<NewKeyInput, 'clientName' | 'permissions'>> {
    const by = toOperator(createdBy);
    const input = parseNewKey({ clientName, permissions, createdBy: by.actor.name, options }, this.#now());
    const { apiKey, secret } = await this.#createSecret();
    const { restrictions, ...who } = input;
    const id = await insertApiKey(this.#deps.pool, { ...who, ...secret, ...restrictions });
    const prefix = secret.keyPrefix;
    this.#deps.onOperation?.({ action: 'api_key.create', id, prefix, by, input });
    return { id, apiKey, prefix, clientName: input.clientName, permissions: input.permissions };
  }

  /**
   * `through` runs the look-up, where one is needed: of whom it is feared that he guesses it may have to wait.
   *
   * @throws OperatorError `KEY_STORE_AWAY` when PostgreSQL is away and this key was not seen before
   */
  async validateKey(apiKey: string, through = (work: () => Promise<Validation>) => work()): Promise<Validation> {
    const prefix = prefixOf(apiKey);
    if (!prefix) return { ok: false, reason: 'malformed' };
    const digest = this.#digest.digest(apiKey).toString('hex');
    return this.#validate(digest, () => through(() => this.#lookUp({ apiKey, prefix })));
  }

  /**
   * The same answer for a key of which only the id is at hand, as in a ticket.
   *
   * @throws OperatorError `KEY_STORE_AWAY`
   */
  async validateKeyId(keyId: number): Promise<Validation> {
    if (!isKeyId(keyId)) return { ok: false, reason: 'malformed' };
    return this.#validate(`id ${keyId}`, async () =>
      toValidation((await selectApiKeysById(this.#deps.pool, [keyId]))[0]),
    );
  }

  /**
   * Makes a new key with the name, the permissions, the restrictions and the expiry of an old one, which ends when
   * the overlap is over, and not later than it would have.
   *
   * @throws OperatorError `API_KEY_INVALID`; `API_KEY_NOT_ROTATABLE` when the old key is not in force or was rotated
   */
  async rotateKey(keyId: number, rotation: { overlapMs: number; rotatedBy: KeyAuthor }): Promise<RotatedKey> {
    const by = toOperator(rotation.rotatedBy);
    const { overlapMs, rotatedBy } = parseRotation({ keyId, ...rotation, rotatedBy: by.actor.name });
    const { apiKey, secret } = await this.#createSecret();
    const now = this.#now();
    const rotated = await rotateApiKey(this.#deps.pool, keyId, {
      ...secret,
      createdBy: rotatedBy,
      now: new Date(now),
      overlapUntil: new Date(now + overlapMs),
    });
    if (!rotated) throw await this.#notRotatable(keyId);
    this.forgetKey(keyId);
    const { id, clientName, oldExpiresAt } = rotated;
    const prefix = secret.keyPrefix;
    this.#deps.onOperation?.({
      action: 'api_key.rotate',
      id: keyId,
      by,
      clientName,
      oldExpiresAt,
      replacedBy: { id, prefix },
    });
    return { id, apiKey, prefix, oldExpiresAt };
  }

  /**
   * False when there is no such key or it was revoked before.
   *
   * @throws OperatorError `API_KEY_INVALID`
   */
  async revokeKey(keyId: number, revokedBy: KeyAuthor): Promise<boolean> {
    const by = toOperator(revokedBy);
    const { revokedBy: name } = parseRevocation({ keyId, revokedBy: by.actor.name });
    const revoked = await revokeApiKey(this.#deps.pool, keyId, name);
    this.forgetKey(keyId);
    if (revoked) this.#deps.onOperation?.({ action: 'api_key.revoke', id: keyId, by, ...revoked });
    return revoked !== null;
  }

  /** The keys of which an answer is remembered that may be used again. */
  rememberedKeyIds(): Set<number> {
    return this.#cache.keyIds();
  }

  /** The key was changed: what is known of it, or is being read just now, is true no more. */
  forgetKey(keyId: number): void {
    this.#changes += 1;
    this.#lookups.clear();
    this.#cache.forgetKey(keyId);
  }

  /** Takes what somebody else read of a key just now. */
  learn(keyId: number, validation: Validation): void {
    this.#cache.learn(keyId, validation);
  }

  /** With the uses that are not written yet. */
  async listKeys(): Promise<ListedApiKey[]> {
    const used = new Map(this.#lastUsed);
    const keys = await listApiKeys(this.#deps.pool);
    return keys.map(key => ({ ...key, lastUsedAt: latest(key.lastUsedAt, used.get(key.id)) }));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writeLastUsed();
  }

  async #createSecret(): Promise<{ apiKey: string; secret: KeySecret }> {
    const apiKey = randomApiKey();
    const keyHash = await this.#deps.passwordHash.hash(apiKey);
    const { keyId: digestKeyId } = this.#digest;
    const keyDigest = this.#digest.digest(apiKey);
    return { apiKey, secret: { keyHash, keyPrefix: prefixOf(apiKey) ?? '', keyDigest, digestKeyId } };
  }

  async #notRotatable(keyId: number): Promise<OperatorError> {
    const key = (await this.listKeys()).find(({ id }) => id === keyId);
    return new OperatorError('API_KEY_NOT_ROTATABLE', whyNotRotatable(keyId, key));
  }

  async #validate(name: string, lookUp: () => Promise<Validation>): Promise<Validation> {
    const cached = this.#cache.get(name);
    const validation = cached?.isFresh
      ? cached.validation
      : await this.#withStale(cached?.validation, this.#lookUpOnce(name, lookUp));
    return this.#seenNow(validation);
  }

  /** Expiry is a matter of the clock, not of the store: a cached answer must not outlive it. */
  #seenNow(validation: Validation): Validation {
    if (!validation.ok) return validation;
    const now = this.#now();
    if (hasExpired(validation.key, now)) return { ok: false, reason: 'expired' };
    const id = keyIdOf(validation.key);
    if (id !== null) this.#lastUsed.set(id, new Date(now));
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

  #lookUpOnce(name: string, lookUp: () => Promise<Validation>): Promise<Validation> {
    const running = this.#lookups.get(name);
    if (running) return running;
    const changesBefore = this.#changes;
    const lookup: Promise<Validation> = lookUp()
      .catch(error => {
        if (!isPostgresAway(error)) throw error;
        const message = `API keys cannot be checked because PostgreSQL is away (${messageOf(error)})`;
        throw new OperatorError('KEY_STORE_AWAY', message, { cause: error });
      })
      .then(validation => {
        // A row that was read just before it was revoked must not come back into the cache as valid.
        if (this.#changes === changesBefore) this.#cache.set(name, validation);
        return validation;
      })
      .finally(() => {
        if (this.#lookups.get(name) === lookup) this.#lookups.delete(name);
      });
    this.#lookups.set(name, lookup);
    return lookup;
  }

  async #lookUp(key: { apiKey: string; prefix: string }): Promise<Validation> {
    for (const row of await selectApiKeysByPrefix(this.#deps.pool, key.prefix)) {
      if (await this.#matches(row, key.apiKey)) return toValidation(row);
    }
    return { ok: false, reason: 'unknown' };
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

function toOperator(author: KeyAuthor): KeyOperator {
  return typeof author === 'string' ? operatorNamed(author) : author;
}

function latest(stored: Date | null, used: Date | undefined): Date | null {
  return used && (!stored || used > stored) ? used : stored;
}

function whyNotRotatable(keyId: number, key: ListedApiKey | undefined): string {
  if (!key) return `there is no key ${keyId}: take the id from the list of keys`;
  if (!key.active) return `key ${keyId} was revoked: make a new one`;
  if (key.replacedBy !== null) return `key ${keyId} was replaced by key ${key.replacedBy}: rotate that one`;
  return `key ${keyId} has expired: make a new one`;
}
