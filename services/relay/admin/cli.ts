import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { databaseConfig, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { auditFromShell, COMMAND_LINE } from '../audit-from-shell.ts';
import { relayConfig } from '../config.ts';
import { createPasswordHash } from '../passwords/password-hash.ts';
import { createAdminUser } from './users.ts';

/** Users from a shell. The password comes on stdin: arguments are visible to every user of the machine. */
const USAGE = 'usage: cli.ts create-user --username NAME --role admin|viewer < file-with-the-password';
const EXIT = { failed: 1, usage: 2, exists: 3 } as const;

const config = {
  ...databaseConfig,
  PBX_ID: relayConfig.PBX_ID,
  REDIS_URL: relayConfig.REDIS_URL.optional(),
};

async function createUser(username: string, role: string): Promise<void> {
  const settings = readConfig(config, process.env);
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  const logger = createLogger({ name: 'admin', level: 'silent' });
  const { pool, stop } = createPool({ databaseUrl: settings.DATABASE_URL, name: 'relay admin', max: 1, logger });
  const passwordHash = createPasswordHash();
  try {
    const created = await createAdminUser(
      { pool, passwordHash },
      { username, password, role, createdBy: COMMAND_LINE },
    );
    if (created.ok) {
      console.log(JSON.stringify({ id: created.user.id, username: created.user.username }));
      await auditFromShell(
        {
          action: 'user.create',
          actor: { kind: 'system', id: COMMAND_LINE, name: COMMAND_LINE },
          address: null,
          target: `user:${created.user.id}`,
          outcome: 'done',
          details: { username: created.user.username, role },
        },
        {
          redisUrl: settings.REDIS_URL,
          pbxId: settings.PBX_ID,
          logger,
          what: `creating the user ${created.user.username}`,
        },
      );
    } else {
      console.error(`a user named ${username} exists already, nothing was changed`);
      process.exitCode = EXIT.exists;
    }
  } finally {
    await passwordHash.stop();
    await stop();
  }
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { username: { type: 'string' }, role: { type: 'string' } },
  });
  if (positionals[0] === 'create-user' && values.username && values.role) {
    await createUser(values.username, values.role);
  } else {
    console.error(USAGE);
    process.exitCode = EXIT.usage;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = EXIT.failed;
}
