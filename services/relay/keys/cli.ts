import { parseArgs } from 'node:util';
import { databaseConfig, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { relayConfig } from '../config.ts';
import { APIKeyManager } from './api-key-manager.ts';
import { createPasswordHash } from './password-hash.ts';

/** Keys from a shell, with the same manager the relay uses. Exit code 1: failed, 2: called wrongly. */
const USAGE = `usage: cli.ts create --name NAME --permissions read,history,write,monitor
       cli.ts list
       cli.ts revoke --id ID`;

async function run(manager: APIKeyManager): Promise<unknown> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, permissions: { type: 'string' }, id: { type: 'string' } },
  });
  if (positionals[0] === 'create' && values.name && values.permissions) {
    const { id, apiKey } = await manager.generateKey(values.name, values.permissions.split(','), 'command line');
    return { id, apiKey };
  }
  if (positionals[0] === 'list') return { apiKeys: await manager.listKeys() };
  if (positionals[0] === 'revoke' && values.id && Number.isInteger(Number(values.id))) {
    return { id: Number(values.id), revoked: await manager.revokeKey(Number(values.id), 'command line') };
  }
  return undefined;
}

try {
  const config = readConfig({ ...databaseConfig, ADMIN_SECRET: relayConfig.ADMIN_SECRET }, process.env);
  const logger = createLogger({ name: 'keys', level: 'silent' });
  const { pool, stop } = createPool({ databaseUrl: config.DATABASE_URL, name: 'relay keys', max: 1, logger });
  const passwordHash = createPasswordHash();
  const manager = new APIKeyManager({ pool, adminSecret: config.ADMIN_SECRET, passwordHash, logger });
  try {
    const result = await run(manager);
    if (result === undefined) {
      console.error(USAGE);
      process.exitCode = 2;
    } else {
      console.log(JSON.stringify(result));
    }
  } finally {
    await manager.stop();
    await passwordHash.stop();
    await stop();
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
