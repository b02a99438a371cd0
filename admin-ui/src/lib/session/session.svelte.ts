import type { IdentityConfirmation, RecoveryCodes, TotpOffer } from '@3cx-relay/shared/wire/admin/account.ts';
import type { SessionAnswer, SessionUser, SignInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import type { SetupState } from '@3cx-relay/shared/wire/admin/users.ts';
import { createContext } from 'svelte';
import { type AdminApi, createAdminApi } from '../api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';

/** `unknown`: the relay was not reached yet. `new`: it has no user at all, and the first one is to be made. */
export type SessionState = 'unknown' | 'new' | 'signed-out' | 'signed-in';

/** What somebody who is signed in has to do before he may do anything else. */
export type SessionGate = 'password' | 'second-factor';

const RETRY_MS = 2_000;

/** Who uses the panel. The token is in a cookie that no script can read; what proves a request is kept in memory. */
export class Session {
  state = $state<SessionState>('unknown');
  user = $state.raw<SessionUser | null>(null);
  /** Why the relay could not be asked; null when it could. */
  problem = $state.raw<AdminProblem | null>(null);
  /** The session ended while the panel was in use. */
  wasLost = $state(false);
  /** After how long without use it ended; null when that was not why, or nobody knows. */
  endedAfterMs = $state<number | null>(null);
  readonly api: AdminApi;
  #csrfToken: string | null = null;
  /** How often somebody came in. */
  #entries = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(baseUrl: string) {
    this.api = createAdminApi({
      baseUrl,
      csrfToken: () => this.#csrfToken,
      onSignedOut: () => {
        this.#leave({ wasLost: this.state === 'signed-in' });
        // It says why.
        void this.start();
      },
      onGated: () => void this.start(),
    });
  }

  get gate(): SessionGate | null {
    if (this.user?.mustChangePassword) return 'password';
    return this.user?.mustSetUpSecondFactor ? 'second-factor' : null;
  }

  get isAdmin(): boolean {
    return this.user?.role === 'admin';
  }

  /** Asks who is signed in, until the relay answers. */
  async start(): Promise<void> {
    clearTimeout(this.#retry);
    const before = this.#entries;
    try {
      const { needed, session, endedAfterMs = null } = await this.api.get<SetupState>('setup');
      if (session) return this.#enter(session);
      // It was asked before somebody signed in.
      if (this.#entries !== before) return;
      this.#leave({ wasLost: this.state === 'signed-in', endedAfterMs });
      if (needed) this.state = 'new';
    } catch (error) {
      this.problem = toAdminProblem(error);
      this.#retry = setTimeout(() => void this.start(), RETRY_MS);
    }
  }

  stop(): void {
    clearTimeout(this.#retry);
  }

  /** @throws AdminProblem `invalid_credentials`, `totp_required`, `invalid_totp`, `too_many_sign_ins` */
  async signIn(request: SignInRequest): Promise<void> {
    this.#enter(await this.api.post<SessionAnswer>('login', request));
  }

  /** @throws AdminProblem */
  async setUp(request: { setupCode: string; username: string; password: string }): Promise<void> {
    this.#enter(await this.api.post<SessionAnswer>('setup', request));
  }

  /** @throws AdminProblem that names the field */
  async changePassword(request: { currentPassword: string; newPassword: string }): Promise<void> {
    await this.api.post('account/password', request);
    this.#enter(await this.api.get<SessionAnswer>('session'));
  }

  /** Not in force before a code of it was confirmed. @throws AdminProblem that names the field */
  offerSecondFactor(proof: IdentityConfirmation): Promise<TotpOffer> {
    return this.api.post<TotpOffer>('account/totp', proof);
  }

  /**
   * Returns the recovery codes, which are told this once; whoever has shown them calls `refresh`, by which a gate opens.
   *
   * @throws AdminProblem that names the field
   */
  async confirmSecondFactor(code: string): Promise<readonly string[]> {
    return (await this.api.post<RecoveryCodes>('account/totp/confirm', { code })).recoveryCodes;
  }

  /** Something about the user changed. */
  async refresh(): Promise<void> {
    this.#enter(await this.api.get<SessionAnswer>('session'));
  }

  /** @throws AdminProblem when the relay could not be told: the session goes on then */
  async signOut(): Promise<void> {
    await this.api.post('logout');
    this.#leave({ wasLost: false });
  }

  #enter({ user, csrfToken }: SessionAnswer): void {
    this.#entries += 1;
    this.#csrfToken = csrfToken;
    this.user = user;
    this.problem = null;
    this.wasLost = false;
    this.endedAfterMs = null;
    this.state = 'signed-in';
  }

  #leave({ wasLost, endedAfterMs = null }: { wasLost: boolean; endedAfterMs?: number | null }): void {
    this.#csrfToken = null;
    this.user = null;
    this.problem = null;
    this.wasLost ||= wasLost;
    this.endedAfterMs = endedAfterMs;
    this.state = 'signed-out';
  }
}

export const [getSession, setSession] = createContext<Session>();
