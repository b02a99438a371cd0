import type {
  AdminSession,
  AdminUser,
  AdminUsers,
  NewUserRequest,
  UserChange,
  UserCreated,
} from '@3cx-relay/shared/wire/admin/users.ts';
import type { AdminApi } from '../api/admin-api.ts';
import { Loaded } from '../api/loaded.svelte.ts';
import { formatSpan } from '../format/time.ts';

/** Locks, sessions and sign-ins change by themselves. */
const REFRESH_MS = 10_000;

/** Everybody who may sign in, and what an admin does about them. What is done throws an `AdminProblem` when refused. */
export class Users {
  readonly listed: Loaded<readonly AdminUser[]>;
  readonly #api: AdminApi;
  #temporaryPasswordMs = $state<number | null>(null);

  constructor(api: AdminApi) {
    this.#api = api;
    this.listed = new Loaded(async signal => {
      const { users, temporaryPasswordMs } = await api.get<AdminUsers>('users', {}, signal);
      this.#temporaryPasswordMs = temporaryPasswordMs;
      return users.toSorted((one, other) => one.username.localeCompare(other.username));
    });
  }

  /** For an effect. */
  watch(): () => void {
    return this.listed.keepLoading(REFRESH_MS);
  }

  /** How long a password that somebody else chose is good for; in words, as in "good for". */
  get temporaryPasswordSpan(): string {
    return this.#temporaryPasswordMs === null ? 'some time' : formatSpan(this.#temporaryPasswordMs);
  }

  /** Nobody else could change anything: the role and the access of this one must stay. */
  isLastAdmin(user: AdminUser): boolean {
    const admins = (this.listed.value ?? []).filter(({ role, active }) => role === 'admin' && active);
    return admins.length === 1 && admins[0]?.id === user.id;
  }

  async create(request: NewUserRequest): Promise<UserCreated> {
    const created = await this.#api.post<UserCreated>('users', request);
    await this.listed.load();
    return created;
  }

  async change(id: number, change: UserChange): Promise<void> {
    await this.#api.patch(`users/${id}`, change);
    await this.listed.load();
  }

  /** Returns the temporary password, which is told this once. */
  async resetPassword(id: number): Promise<string> {
    const { temporaryPassword } = await this.#api.post<{ temporaryPassword: string }>(`users/${id}/password`);
    await this.listed.load();
    return temporaryPassword;
  }

  async removeSecondFactor(id: number): Promise<void> {
    await this.#api.delete(`users/${id}/totp`);
    await this.listed.load();
  }

  async unlock(id: number): Promise<void> {
    await this.#api.post(`users/${id}/unlock`);
    await this.listed.load();
  }

  async readSessions(id: number, signal: AbortSignal): Promise<readonly AdminSession[]> {
    return (await this.#api.get<{ sessions: AdminSession[] }>(`users/${id}/sessions`, {}, signal)).sessions;
  }

  async endSessions(id: number): Promise<void> {
    await this.#api.delete(`users/${id}/sessions`);
    await this.listed.load();
  }
}
