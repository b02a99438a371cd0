import { isIP } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { databaseConfig, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { replaceSetupCode } from '@3cx-relay/shared/store/admin-setup.ts';
import { hasAdminUsers } from '@3cx-relay/shared/store/admin-users.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { auditFromShell, COMMAND_LINE } from '../audit-from-shell.ts';
import { relayConfig } from '../config.ts';
import { createPasswordHash } from '../passwords/password-hash.ts';
import { digestOfReadableCode, randomReadableCode } from './auth/readable-code.ts';
import { liftAddressLock, liftLocks } from './auth/sign-in-limits.ts';
import { createAdminUser } from './users/new-user.ts';

/** Users from a shell. A password comes on stdin: arguments are visible to every user of the machine. */
const USAGE = `usage: cli.ts create-user --username NAME --role admin|viewer < file-with-the-password
       cli.ts setup-code                 a code, good once and for an hour, to make the first user in the panel with
       cli.ts unlock --username NAME     lets a user try again who is locked out after too many failed sign-ins
       cli.ts unlock --address IP        lets everybody try again who is locked out because of failures at this address`;
const EXIT = { failed: 1, usage: 2, exists: 3 } as const;
const SETUP_CODE_MS = 3_600_000;

const config = {
  ...databaseConfig,
  PBX_ID: relayConfig.PBX_ID,
  REDIS_URL: relayConfig.REDIS_URL.optional(),
};
const logger = createLogger({ name: 'admin', level: 'silent' });

async function createUser(pool: PostgresPool['pool'], user: { username: string; role: string }): Promise<void> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  const passwordHash = createPasswordHash();
  try {
    const created = await createAdminUser(
      { pool, hash: passwordHash.hash },
      { ...user, password, createdBy: COMMAND_LINE },
    );
    if (!created.ok) {
      console.error(`a user named ${user.username} exists already, nothing was changed`);
      process.exitCode = EXIT.exists;
      return;
    }
    console.log(JSON.stringify({ id: created.user.id, username: created.user.username }));
    const { id, username } = created.user;
    const what = `creating the user ${username}`;
    await tell('user.create', { what, target: `user:${id}`, details: { username, role: user.role } });
  } finally {
    await passwordHash.stop();
  }
}

async function makeSetupCode(pool: PostgresPool['pool']): Promise<void> {
  if (await hasAdminUsers(pool)) {
    console.error('there is a user already: sign in as one with the role admin, or make one with create-user');
    process.exitCode = EXIT.exists;
    return;
  }
  const setupCode = randomReadableCode();
  const expiresAt = new Date(Date.now() + SETUP_CODE_MS);
  await replaceSetupCode(pool, { digest: digestOfReadableCode(setupCode), expiresAt });
  console.log(JSON.stringify({ setupCode, expiresAt }));
  await tell('setup.code', { what: 'making the code', target: null, details: { expiresAt } });
}

async function unlock(who: { username: string } | { address: string }): Promise<void> {
  const { REDIS_URL, PBX_ID } = readConfig(config, process.env);
  if (REDIS_URL === undefined)
    throw new OperatorError('REDIS_URL_MISSING', 'REDIS_URL is required: locks are kept there');
  const { redis, stop } = connectRedis(REDIS_URL, { name: 'relay shell', logger });
  try {
    const locks = { redis, keys: createLogKeys(PBX_ID) };
    await ('username' in who ? liftLocks(locks, who.username) : liftAddressLock(locks, who.address));
  } finally {
    await stop();
  }
  const unlocked = 'username' in who ? who.username : who.address;
  console.log(JSON.stringify({ unlocked }));
  const action = 'username' in who ? 'user.unlock' : 'address.unlock';
  await tell(action, { what: `unlocking ${unlocked}`, target: null, details: { ...who } });
}

async function tell(
  action: string,
  { what, ...done }: { what: string; target: string | null; details: Record<string, unknown> },
): Promise<void> {
  const { REDIS_URL: redisUrl, PBX_ID: pbxId } = readConfig(config, process.env);
  const actor = { kind: 'system', id: COMMAND_LINE, name: COMMAND_LINE };
  await auditFromShell({ action, actor, address: null, outcome: 'done', ...done }, { redisUrl, pbxId, logger, what });
}

async function withPool(work: (pool: PostgresPool['pool']) => Promise<void>): Promise<void> {
  const { DATABASE_URL: databaseUrl } = readConfig(config, process.env);
  const { pool, stop } = createPool({ databaseUrl, name: 'relay admin', max: 1, logger });
  await work(pool).finally(stop);
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { username: { type: 'string' }, role: { type: 'string' }, address: { type: 'string' } },
  });
  const { username, role, address } = values;
  const command = positionals.join(' ');
  if (command === 'create-user' && username && role) await withPool(pool => createUser(pool, { username, role }));
  else if (command === 'setup-code') await withPool(makeSetupCode);
  else if (command === 'unlock' && username && !address) await unlock({ username });
  else if (command === 'unlock' && address && !username && isIP(address)) await unlock({ address });
  else {
    console.error(USAGE);
    process.exitCode = EXIT.usage;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = EXIT.failed;
}
