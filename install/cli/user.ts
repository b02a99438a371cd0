import { isIP } from 'node:net';
import { text } from 'node:stream/consumers';
import { type AdminRole, adminRole } from '@3cx-relay/shared/wire/admin/session.ts';
import { createPasswordHash } from '../../services/relay/passwords/password-hash.ts';
import { parseOptions } from './options.ts';
import { formatTable } from './print.ts';
import type { Settings } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { openUserDesk } from './user-desk.ts';

export const USER_USAGE = `usage: 3cx-relay user create --username NAME --role admin|viewer [--temporary] < file-with-the-password
       3cx-relay user list [--json]
       3cx-relay user setup-code                        a code, good once and for an hour, to make the first user with
       3cx-relay user reset-password --username NAME    prints a temporary password, once, and ends his sessions
       3cx-relay user reset-second-factor --username NAME
       3cx-relay user set-role --username NAME --role admin|viewer
       3cx-relay user unlock --username NAME            lets him try again after too many failed sign-ins
       3cx-relay user unlock --address IP               lets everybody try again who failed at this address

  --temporary: another password must be chosen at the first sign-in, within ADMIN_TEMPORARY_PASSWORD_MS. With nothing on
  stdin one is made then, and printed once.

  Who may sign in to the panel. What is changed stands in the audit.
  Exit code 1: refused or failed, 2: called wrongly, 3: there is such a user already.
`;

/** Resolves with the exit code. A password comes on stdin: arguments are visible to every user of the machine. */
export async function user(args: readonly string[], settings: Settings, terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    username: { type: 'string' },
    role: { type: 'string' },
    address: { type: 'string' },
    json: { type: 'boolean' },
    temporary: { type: 'boolean' },
  });
  if (values.help) {
    terminal.stdout.write(USER_USAGE);
    return 0;
  }
  const [command, ...more] = positionals;
  const { username, role, address } = values;
  const withDesk = (work: (desk: Desk) => Promise<number>): Promise<number> => {
    const desk = openUserDesk(settings, terminal);
    return work(desk).finally(desk.stop);
  };
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many.`);
  switch (command) {
    case 'create':
      return withDesk(async desk => {
        const isTemporary = values.temporary === true;
        // A terminal would be waited for.
        const given = isTemporary && terminal.stdin.isTTY ? '' : (await text(terminal.stdin)).replace(/\r?\n$/, '');
        const password = isTemporary && given === '' ? null : given;
        const passwordHash = createPasswordHash();
        const asked = { username: required('username', username), role: required('role', role), password, isTemporary };
        return desk.create(asked, passwordHash.hash).finally(passwordHash.stop);
      });
    case 'list':
      return withDesk(async desk => {
        const users = await desk.list();
        terminal.stdout.write(values.json ? `${JSON.stringify({ users })}\n` : formatUsers(users));
        return 0;
      });
    case 'setup-code':
      return withDesk(desk => desk.makeSetupCode());
    case 'reset-password':
      return withDesk(async desk => {
        const passwordHash = createPasswordHash();
        return desk.resetPassword(required('username', username), passwordHash.hash).finally(passwordHash.stop);
      });
    case 'reset-second-factor':
      return withDesk(desk => desk.resetSecondFactor(required('username', username)));
    case 'set-role':
      return withDesk(desk => desk.setRole(required('username', username), roleOf(role)));
    case 'unlock':
      if ((username === undefined) === (address === undefined))
        throw new UsageError('Say who: --username or --address.');
      if (address !== undefined && !isIP(address)) throw new UsageError(`--address: "${address}" is no IP address.`);
      return withDesk(desk => desk.unlock(username === undefined ? { address: address ?? '' } : { username }));
    default:
      throw new UsageError(command === undefined ? 'Say what to do.' : `There is no "user ${command}".`);
  }
}

type Desk = ReturnType<typeof openUserDesk>;

function required(name: string, value: string | undefined): string {
  if (value) return value;
  throw new UsageError(`--${name} is missing.`);
}

function roleOf(role: string | undefined): AdminRole {
  const known = adminRole.options.find(name => name === role);
  if (known) return known;
  throw new UsageError(`--role: say ${adminRole.options.join(' or ')}.`);
}

function formatUsers(users: Awaited<ReturnType<Desk['list']>>): string {
  if (users.length === 0) return 'There is no user: make the first one with "3cx-relay user create".\n';
  return formatTable(
    ['user', 'role', 'second factor', 'last sign-in', 'sessions', ''],
    users.map(one => [
      one.username,
      one.role,
      one.hasSecondFactor ? 'yes' : 'no',
      one.lastLoginAt?.toISOString().slice(0, 16) ?? 'never',
      String(one.sessions),
      one.active ? '' : 'deactivated',
    ]),
  );
}
