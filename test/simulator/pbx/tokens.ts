import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Cancel, Clock } from './clock.ts';

type ExpiresInUnit = 'minutes' | 'seconds';
export type TokenSettings = { expiresInUnit: ExpiresInUnit; lifeMs: number; closeSockets: boolean };
export type TokenReply = { token_type: 'Bearer'; expires_in: number; access_token: string; refresh_token: null };

type TokenDeps = {
  clock: Clock;
  clientId: string;
  clientSecret: string;
  /** Called with a token that has just become worthless, when `closeSockets` is on. */
  onWorthless: (token: string) => void;
};

/**
 * The one API client and its one valid token: issuing a new token kills the old one at once (3cx.md C2). An open socket
 * outlives its token unless `closeSockets` says otherwise; reality is unverified (3cx.md §6.6).
 */
export class TokenOffice {
  readonly #deps: TokenDeps;
  readonly #signingKey = randomBytes(32);
  #settings: TokenSettings = { expiresInUnit: 'minutes', lifeMs: 3_600_000, closeSockets: false };
  #current: string | null = null;
  #cancelExpiry: Cancel | null = null;

  constructor(deps: TokenDeps) {
    this.#deps = deps;
  }

  isClient(id: string, secret: string): boolean {
    return id === this.#deps.clientId && secret === this.#deps.clientSecret;
  }

  issue(): TokenReply {
    const { lifeMs, expiresInUnit } = this.#settings;
    const token = this.#sign(lifeMs);
    this.expire();
    this.#current = token;
    this.#cancelExpiry = this.#deps.clock.after(lifeMs, () => this.expire());
    // Up to 20.0.8 the field counts minutes, later seconds (3cx.md C1).
    const unitMs = expiresInUnit === 'minutes' ? 60_000 : 1000;
    return {
      token_type: 'Bearer',
      expires_in: Math.max(1, Math.round(lifeMs / unitMs)),
      access_token: token,
      refresh_token: null,
    };
  }

  /** The current token when the header carries exactly it, else null: Basic, stale and absent are all the same 401. */
  accept(authorization: string | undefined): string | null {
    const token = authorization?.match(/^Bearer (.+)$/i)?.[1];
    return token !== undefined && token === this.#current ? token : null;
  }

  expire(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = null;
    const worthless = this.#current;
    this.#current = null;
    if (worthless && this.#settings.closeSockets) this.#deps.onWorthless(worthless);
  }

  configure(changes: Partial<TokenSettings>): TokenSettings {
    this.#settings = { ...this.#settings, ...changes };
    return this.#settings;
  }

  /** Shaped like the real one (ES256 in life): clients may read exp, iat and role, nobody can check the signature. */
  #sign(lifeMs: number): string {
    const issuedAt = Math.floor(this.#deps.clock.now() / 1000);
    const header = { alg: 'HS256', typ: 'JWT' };
    const payload = {
      unique_name: this.#deps.clientId,
      client_id: this.#deps.clientId,
      role: ['Enterprise', 'CallControl', 'User'],
      nbf: issuedAt,
      iat: issuedAt,
      exp: issuedAt + Math.round(lifeMs / 1000),
      iss: '3CXPhoneSystem',
      aud: '3CXPhoneSystem',
      jti: randomUUID(),
    };
    const body = [header, payload].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${body}.${createHmac('sha256', this.#signingKey).update(body).digest('base64url')}`;
  }
}
