import { removeTotp } from '@3cx-relay/shared/store/admin-second-factor.ts';
import { deleteAdminSessionsOf } from '@3cx-relay/shared/store/admin-sessions.ts';
import { replaceSetupCode } from '@3cx-relay/shared/store/admin-setup.ts';
import {
  changeAdminPassword,
  hasAdminUsers,
  type ListedAdminUser,
  listAdminUsers,
  updateAdminUser,
} from '@3cx-relay/shared/store/admin-users.ts';
import type { AdminRole } from '@3cx-relay/shared/wire/admin/session.ts';
import type { AuditAction } from '@3cx-relay/shared/wire/audit-actions.ts';
import { digestOfReadableCode, randomReadableCode } from '../../services/relay/admin/auth/readable-code.ts';
import { liftAddressLock, liftLocks } from '../../services/relay/admin/auth/sign-in-limits.ts';
import { createAdminUser } from '../../services/relay/admin/users/new-user.ts';
import { COMMAND_LINE } from '../../services/relay/audit-from-shell.ts';
import { relayConfig } from '../../services/relay/config.ts';
import { requireSettings, type Settings } from './settings.ts';
import { tellAudit } from './shell-audit.ts';
import { openPostgres, openRedis } from './stores.ts';
import type { Terminal } from './terminal.ts';

const SETUP_CODE_MS = 3_600_000;
const EXIT_EXISTS = 3;

interface AskedUser {
  readonly username: string;
  readonly role: string;
  readonly password: string | null;
  /** Somebody else knows the password: it is to be changed at the first sign-in, and ends. */
  readonly isTemporary: boolean;
}

/**
 * The panel's own operations on users, for whoever has a shell and cannot sign in. Each answers with its exit code, says
 * on stdout what came of it as one line of JSON, and is audited.
 */
export function openUserDesk(settings: Settings, { stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'>) {
  const { pool, stop } = openPostgres(settings);
  const print = (result: object) => void stdout.write(`${JSON.stringify(result)}\n`);
  type Hash = (password: string) => Promise<string>;

  async function find(username: string): Promise<ListedAdminUser> {
    const users = await listAdminUsers(pool, { now: new Date() });
    const found = users.find(user => user.username.toLowerCase() === username.toLowerCase());
    if (found) return found;
    throw new Error(`There is no user ${username}: "3cx-relay user list" names them.`);
  }

  /** Of a password that is known to somebody else, from now on. */
  function endOfTemporary(): Date {
    const { ADMIN_TEMPORARY_PASSWORD_MS: validMs } = requireSettings(settings, {
      ADMIN_TEMPORARY_PASSWORD_MS: relayConfig.ADMIN_TEMPORARY_PASSWORD_MS,
    });
    return new Date(Date.now() + validMs);
  }

  function tell(action: AuditAction, { id, username }: { id: number; username: string }, details: object = {}) {
    const record = { action, target: `user:${id}`, details: { username, ...details } };
    return tellAudit(settings, record, `${action} of ${username}`);
  }

  return {
    stop,

    list() {
      const { ADMIN_SESSION_IDLE_MS: idleMs } = requireSettings(settings, {
        ADMIN_SESSION_IDLE_MS: relayConfig.ADMIN_SESSION_IDLE_MS,
      });
      return listAdminUsers(pool, { now: new Date(), seenAfter: new Date(idleMs === 0 ? 0 : Date.now() - idleMs) });
    },

    /** Without a password one is made, which is told this once. */
    async create({ isTemporary, ...asked }: AskedUser, hash: Hash): Promise<number> {
      const temporaryUntil = isTemporary ? endOfTemporary() : null;
      const created = await createAdminUser({ pool, hash }, { ...asked, temporaryUntil, createdBy: COMMAND_LINE });
      if (!created.ok) {
        stderr.write(`a user named ${asked.username} exists already, nothing was changed\n`);
        return EXIT_EXISTS;
      }
      const { madePassword } = created;
      print({
        ...created.user,
        ...(madePassword !== null && { temporaryPassword: madePassword }),
        ...(temporaryUntil && { expiresAt: temporaryUntil }),
      });
      await tell('user.create', created.user, { role: asked.role });
      return 0;
    },

    async makeSetupCode(): Promise<number> {
      if (await hasAdminUsers(pool)) {
        stderr.write('there is a user already: sign in as one with the role admin, or make one with "create"\n');
        return EXIT_EXISTS;
      }
      const setupCode = randomReadableCode();
      const expiresAt = new Date(Date.now() + SETUP_CODE_MS);
      await replaceSetupCode(pool, { digest: digestOfReadableCode(setupCode), expiresAt });
      print({ setupCode, expiresAt });
      await tellAudit(settings, { action: 'setup.code', target: null, details: { expiresAt } }, 'making the code');
      return 0;
    },

    async resetPassword(username: string, hash: Hash): Promise<number> {
      const user = await find(username);
      const temporaryPassword = randomReadableCode();
      const [now, until] = [new Date(), endOfTemporary()];
      const change = { hash: await hash(temporaryPassword), replaces: null, now, temporaryUntil: until };
      await changeAdminPassword(pool, user.id, change);
      const ended = await deleteAdminSessionsOf(pool, user.id, null);
      print({ username: user.username, temporaryPassword, expiresAt: until });
      await tell('user.reset_password', user, { sessionsEnded: ended.length });
      return 0;
    },

    async resetSecondFactor(username: string): Promise<number> {
      const user = await find(username);
      const removed = await removeTotp(pool, user.id);
      print({ username: user.username, removed });
      if (removed) await tell('user.remove_totp', user);
      return 0;
    },

    async setRole(username: string, role: AdminRole): Promise<number> {
      const user = await find(username);
      const outcome = await updateAdminUser(pool, user.id, { role });
      if (outcome === 'last_admin')
        throw new Error(`${user.username} is the last active admin: make another one first.`);
      // What he may do has changed, so that nothing that began before may go on.
      if (role !== user.role) await deleteAdminSessionsOf(pool, user.id, null);
      print({ username: user.username, role });
      if (role !== user.role) await tell('user.update', user, { role });
      return 0;
    },

    async unlock(who: { username: string } | { address: string }): Promise<number> {
      const { redis, keys, stop: disconnect } = openRedis(settings);
      const locks = { redis, keys };
      await ('username' in who ? liftLocks(locks, who.username) : liftAddressLock(locks, who.address)).finally(
        disconnect,
      );
      const unlocked = 'username' in who ? who.username : who.address;
      print({ unlocked });
      const action = 'username' in who ? 'user.unlock' : 'address.unlock';
      await tellAudit(settings, { action, target: null, details: { ...who } }, `unlocking ${unlocked}`);
      return 0;
    },
  };
}
