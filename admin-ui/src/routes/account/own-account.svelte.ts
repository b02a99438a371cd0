import type {
  Account,
  IdentityConfirmation,
  PasswordChange,
  RecoveryCodes,
  TotpOffer,
} from '@3cx-relay/shared/wire/admin/account.ts';
import type { AdminSession } from '@3cx-relay/shared/wire/admin/users.ts';
import { Loaded } from '../../lib/api/loaded.svelte.ts';
import type { Session } from '../../lib/session/session.svelte.ts';

const REFRESH_MS = 15_000;

/** What somebody sees and changes of himself. What is done throws an `AdminProblem` when refused. */
export class OwnAccount {
  readonly account: Loaded<Account>;
  readonly sessions: Loaded<readonly AdminSession[]>;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    const { api } = session;
    this.account = new Loaded(signal => api.get<Account>('account', {}, signal));
    this.sessions = new Loaded(async signal => {
      return (await api.get<{ sessions: AdminSession[] }>('account/sessions', {}, signal)).sessions;
    });
  }

  /** For an effect. */
  watch(): () => void {
    const ends = [this.account.keepLoading(REFRESH_MS), this.sessions.keepLoading(REFRESH_MS)];
    return () => {
      for (const end of ends) end();
    };
  }

  async changePassword(change: PasswordChange): Promise<void> {
    await this.#session.changePassword(change);
    await Promise.all([this.account.load(), this.sessions.load()]);
  }

  /** Not in force before a code of it was confirmed. */
  offerSecondFactor(proof: IdentityConfirmation): Promise<TotpOffer> {
    return this.#session.offerSecondFactor(proof);
  }

  /** Returns the recovery codes, which are told this once. */
  async confirmSecondFactor(code: string): Promise<readonly string[]> {
    const recoveryCodes = await this.#session.confirmSecondFactor(code);
    await this.#changed();
    return recoveryCodes;
  }

  /** Those from before work no more. */
  async makeRecoveryCodes(proof: IdentityConfirmation): Promise<readonly string[]> {
    const { recoveryCodes } = await this.#session.api.post<RecoveryCodes>('account/recovery-codes', proof);
    await this.#changed();
    return recoveryCodes;
  }

  async removeSecondFactor(proof: IdentityConfirmation): Promise<void> {
    await this.#session.api.delete('account/totp', proof);
    await this.#changed();
  }

  async endSession(id: string, password: string): Promise<void> {
    await this.#session.api.delete(`account/sessions/${id}`, { password });
    await this.sessions.load();
  }

  async endOtherSessions(password: string): Promise<void> {
    await this.#session.api.delete('account/sessions', { password });
    await this.sessions.load();
  }

  async #changed(): Promise<void> {
    await Promise.all([this.#session.refresh(), this.account.load()]);
  }
}
