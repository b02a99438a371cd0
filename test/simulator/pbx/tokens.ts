import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { ApiClient } from './api-client.ts';
import type { ClientRegister } from './client-register.ts';
import type { Cancel, Clock } from './clock.ts';

type ExpiresInUnit = 'minutes' | 'seconds';
export type TokenSettings = {
  expiresInUnit: ExpiresInUnit;
  lifeMs: number;
  closeSockets: boolean;
  /** The other reading of "only one active access token at a time": any client's new token kills all others. */
  oneTokenPerPbx: boolean;
  /** How a wrong client is refused; both are reported (3cx.md §1.2). */
  badClientStatus: 400 | 401;
  /** What opens a socket: every real one takes Bearer, the product specification speaks of Basic (3cx.md C4). */
  socketScheme: 'bearer' | 'basic';
  /** No JWT: then `expires_in` is all that a client has (3cx.md C1). */
  opaque: boolean;
};
export type TokenReply = { token_type: 'Bearer'; expires_in: number; access_token: string; refresh_token: null };
export type Bearer = { client: ApiClient; token: string };

type TokenDeps = {
  clock: Clock;
  register: ClientRegister;
  /** Called with every token that has just become worthless; `closesSockets` as the settings were then. */
  onWorthless: (token: string, closesSockets: boolean) => void;
};

type Valid = { token: string; cancelExpiry: Cancel };

/**
 * One valid token per API client: issuing a new one kills the old one at once (3cx.md C2; `oneTokenPerPbx` plays the
 * other reading). An open socket outlives its token unless `closeSockets` says otherwise; reality is unverified (§6.6).
 */
export class TokenOffice {
  readonly #deps: TokenDeps;
  readonly #signingKey = randomBytes(32);
  readonly #validOf = new Map<string, Valid>();
  #settings: TokenSettings = {
    expiresInUnit: 'minutes',
    lifeMs: 3_600_000,
    closeSockets: false,
    oneTokenPerPbx: false,
    badClientStatus: 401,
    socketScheme: 'bearer',
    opaque: false,
  };
  readonly #minted = new Map<string, number>();
  #refused = 0;

  constructor(deps: TokenDeps) {
    this.#deps = deps;
  }

  signIn(id: string, secret: string): ApiClient | null {
    return this.#deps.register.signIn(id, secret);
  }

  issue(client: ApiClient): TokenReply {
    const { lifeMs, expiresInUnit, oneTokenPerPbx } = this.#settings;
    this.expire(oneTokenPerPbx ? undefined : client.id);
    const token = this.#settings.opaque ? randomBytes(24).toString('hex') : this.#sign(client, lifeMs);
    this.#minted.set(client.id, (this.#minted.get(client.id) ?? 0) + 1);
    const cancelExpiry = this.#deps.clock.after(lifeMs, () => this.expire(client.id));
    this.#validOf.set(client.id, { token, cancelExpiry });
    // Up to 20.0.8 the field counts minutes, later seconds (3cx.md C1).
    const unitMs = expiresInUnit === 'minutes' ? 60_000 : 1000;
    return {
      token_type: 'Bearer',
      expires_in: Math.max(1, Math.round(lifeMs / unitMs)),
      access_token: token,
      refresh_token: null,
    };
  }

  /** Who the header speaks for, when it carries exactly a valid token: Basic, stale and absent are all the same 401. */
  accept(authorization: string | undefined): Bearer | null {
    const token = authorization?.match(/^Bearer (.+)$/i)?.[1];
    if (token === undefined) return null;
    for (const [clientId, valid] of this.#validOf) {
      if (valid.token !== token) continue;
      const client = this.#deps.register.get(clientId);
      return client ? { client, token } : null;
    }
    this.#refused += 1;
    return null;
  }

  /** Who may open a socket with this header; a Basic sign-in has no token whose end could close it. */
  acceptSocket(authorization: string | undefined): Bearer | null {
    if (this.#settings.socketScheme === 'bearer') return this.accept(authorization);
    const basic = authorization?.match(/^Basic (.+)$/i)?.[1];
    const [, id, secret] =
      Buffer.from(basic ?? '', 'base64')
        .toString()
        .match(/^([^:]*):(.*)$/) ?? [];
    const client = this.signIn(id ?? '', secret ?? '');
    return client && { client, token: '' };
  }

  /** How many tokens each client was given, and how many requests came with one that was worthless. */
  get counts(): { minted: Record<string, number>; refused: number } {
    return { minted: Object.fromEntries(this.#minted), refused: this.#refused };
  }

  /** One client's token, or everybody's. */
  expire(clientId?: string): void {
    for (const [id, { token, cancelExpiry }] of [...this.#validOf]) {
      if (clientId !== undefined && id !== clientId) continue;
      cancelExpiry();
      this.#validOf.delete(id);
      this.#deps.onWorthless(token, this.#settings.closeSockets);
    }
  }

  configure(changes: Partial<TokenSettings>): TokenSettings {
    this.#settings = { ...this.#settings, ...changes };
    return this.#settings;
  }

  get settings(): TokenSettings {
    return this.#settings;
  }

  /** Shaped like the real one (ES256 in life): clients may read exp, iat and role, nobody can check the signature. */
  #sign(client: ApiClient, lifeMs: number): string {
    const issuedAt = Math.floor(this.#deps.clock.now() / 1000);
    const header = { alg: 'HS256', typ: 'JWT' };
    const payload = {
      unique_name: client.id,
      client_id: client.id,
      role: this.#rolesOf(client),
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

  /** "Enterprise" stands there when licensed, which clients use as a licence test (§1.1); the other names are guesses. */
  #rolesOf(client: ApiClient): string[] {
    return [
      ...(this.#deps.register.licence.enterprise ? ['Enterprise'] : []),
      ...(client.hasCallControl ? ['CallControl'] : []),
      client.role === 'system_owner' ? 'SystemOwner' : 'User',
    ];
  }
}
