import type { IdentityConfirmation, RecoveryCodes, TotpOffer } from '@3cx-relay/shared/wire/admin/account.ts';
import type { SessionAnswer, SessionUser, SignInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import type { SetupState } from '@3cx-relay/shared/wire/admin/users.ts';
import { createContext } from 'svelte';
import { type AdminApi, createAdminApi } from '../api/admin-api.ts';
import { type AdminProblem, toAdminProblem } from '../api/admin-problem.ts';
import { createLeavingMark, type LeavingMark } from './leaving-mark.ts';

/** `unknown`: the relay was not reached yet. `new`: it has no user at all, and the first one is to be made. */
export type SessionState = 'unknown' | 'new' | 'signed-out' | 'signed-in';

/** What the relay could not be told, and how long it holds good without that. */
export interface UnendedSession {
  readonly problem: AdminProblem;
  /** Unix ms. */
  readonly until: number;
}

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
  /** Who was signed in here has left, and the relay does not know it yet. */
  unended = $state.raw<UnendedSession | null>(null);
  /** After how long without use it ended; null when that was not why, or nobody knows. */
  endedAfterMs = $state<number | null>(null);
  readonly api: AdminApi;
  readonly #leaving: LeavingMark;
  #csrfToken: string | null = null;
  #until = 0;
  #told: Promise<void> | undefined;
  /** How often somebody came in. */
  #entries = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(baseUrl: string) {
    this.#leaving = createLeavingMark(baseUrl);
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
      if (session && this.#leaving.isSet) {
        this.#keep(session);
        return await this.signOut();
      }
      if (session) return this.#enter(session);
      // It was asked before somebody signed in.
      if (this.#entries !== before) return;
      this.#leaving.clear();
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
    await this.#enterBy('login', request);
  }

  /** @throws AdminProblem */
  async setUp(request: { setupCode: string; username: string; password: string }): Promise<void> {
    await this.#enterBy('setup', request);
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

  /**
   * The page forgets at once, whether or not the relay can be told; the cookie only the relay can take away. Until it has,
   * `unended` is set, and the relay is told again and again, by the next page of this browser, too.
   *
   * Without `Clear-Site-Data`: beside a 3CX the origin is that of the PBX, whose pages would lose what they keep. On a
   * host of the relay's own it would take no more than the page takes by itself: exports are removed with the session,
   * positions of the tail tell nothing, and answers with data are kept by no cache.
   */
  async signOut(): Promise<void> {
    this.#leaving.set();
    const told = this.#endAtRelay();
    this.#leave({ wasLost: false });
    await told;
  }

  #endAtRelay(): Promise<void> {
    clearTimeout(this.#retry);
    const ended = () => {
      this.#leaving.clear();
      this.unended = null;
    };
    this.#told = this.api.post('logout').then(ended, error => {
      const problem = toAdminProblem(error);
      // It was over before.
      if (problem.code === 'unauthenticated') return ended();
      this.unended = { problem, until: this.#until };
      this.#tellAgain();
    });
    return this.#told;
  }

  #tellAgain(): void {
    this.#retry = setTimeout(() => {
      if (this.#leaving.isSet) return void this.#endAtRelay();
      // Another window has told it, or somebody signed in there: the cookie is of a session that nobody has left.
      this.unended = null;
    }, RETRY_MS);
  }

  async #enterBy(path: 'login' | 'setup', request: unknown): Promise<void> {
    // A late end of the session from before would take the cookie of the next one away.
    clearTimeout(this.#retry);
    await this.#told;
    clearTimeout(this.#retry);
    try {
      const session = await this.api.post<SessionAnswer>(path, request);
      this.#leaving.clear();
      this.unended = null;
      this.#enter(session);
    } catch (error) {
      if (this.unended) this.#tellAgain();
      throw error;
    }
  }

  #enter(session: SessionAnswer): void {
    this.#entries += 1;
    this.#keep(session);
    this.user = session.user;
    this.problem = null;
    this.wasLost = false;
    this.endedAfterMs = null;
    this.state = 'signed-in';
  }

  /** What proves a request, also that for the end of the session. */
  #keep({ csrfToken, expiresAt }: SessionAnswer): void {
    this.#csrfToken = csrfToken;
    this.#until = Date.parse(expiresAt);
  }

  #leave({ wasLost, endedAfterMs = null }: { wasLost: boolean; endedAfterMs?: number | null }): void {
    this.user = null;
    this.problem = null;
    this.wasLost ||= wasLost;
    this.endedAfterMs = endedAfterMs;
    this.state = 'signed-out';
  }
}

export const [getSession, setSession] = createContext<Session>();
