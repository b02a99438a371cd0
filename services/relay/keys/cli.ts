import { parseArgs } from 'node:util';
import { databaseConfig, readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { auditFromShell, COMMAND_LINE } from '../audit-from-shell.ts';
import { relayConfig } from '../config.ts';
import { createPasswordHash } from '../passwords/password-hash.ts';
import { APIKeyManager } from './api-key-manager.ts';
import { type KeyOperation, toKeyAudit } from './key-audit.ts';
import type { KeyOptions } from './key-input.ts';

/** Keys from a shell, with the same manager the relay uses. Exit code 1: failed, 2: called wrongly. */
const USAGE = `usage: cli.ts create --name NAME --permissions read,history,write,monitor [restrictions]
       cli.ts list
       cli.ts rotate --id ID --overlap-hours HOURS
       cli.ts revoke --id ID
restrictions, each optional:
       --expires 2027-01-31T00:00:00Z       when the key ends
       --dns 101,102                        sees and commands these extensions alone
       --addresses 10.0.0.0/8,2001:db8::7   is used from there alone
       --max-connections N                  live connections at the same time
       --requests-per-second N`;

const MS_PER_HOUR = 3_600_000;

const config = {
  ...databaseConfig,
  ADMIN_SECRET: relayConfig.ADMIN_SECRET,
  PBX_ID: relayConfig.PBX_ID,
  REDIS_URL: relayConfig.REDIS_URL.optional(),
};

async function run(manager: APIKeyManager): Promise<unknown> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      permissions: { type: 'string' },
      expires: { type: 'string' },
      dns: { type: 'string' },
      addresses: { type: 'string' },
      'max-connections': { type: 'string' },
      'requests-per-second': { type: 'string' },
      'overlap-hours': { type: 'string' },
      id: { type: 'string' },
    },
  });
  const [command, ...more] = positionals;
  const id = Number(values.id);
  const overlapMs = Number(values['overlap-hours']) * MS_PER_HOUR;
  if (more.length > 0) return undefined;
  if (command === 'create' && values.name && values.permissions) {
    const options = toOptions(values);
    const created = await manager.generateKey(values.name, values.permissions.split(','), COMMAND_LINE, options);
    return { id: created.id, apiKey: created.apiKey };
  }
  if (command === 'list') return { apiKeys: await manager.listKeys() };
  if (command === 'rotate' && Number.isInteger(id) && Number.isFinite(overlapMs)) {
    const rotated = await manager.rotateKey(id, { overlapMs: Math.round(overlapMs), rotatedBy: COMMAND_LINE });
    return { id: rotated.id, apiKey: rotated.apiKey, replaces: id, replacedExpiresAt: rotated.oldExpiresAt };
  }
  if (command === 'revoke' && values.id && Number.isInteger(id)) {
    return { id, revoked: await manager.revokeKey(id, COMMAND_LINE) };
  }
  return undefined;
}

function toOptions(values: {
  readonly expires?: string | undefined;
  readonly dns?: string | undefined;
  readonly addresses?: string | undefined;
  readonly 'max-connections'?: string | undefined;
  readonly 'requests-per-second'?: string | undefined;
}): KeyOptions {
  const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return {
    expiresAt: values.expires === undefined ? undefined : new Date(values.expires),
    dns: values.dns?.split(','),
    addresses: values.addresses?.split(','),
    limits: {
      maxConnections: numberOf(values['max-connections']),
      requestsPerSecond: numberOf(values['requests-per-second']),
    },
  };
}

const logger = createLogger({ name: 'keys', level: 'silent' });

try {
  const { DATABASE_URL, ADMIN_SECRET, REDIS_URL, PBX_ID } = readConfig(config, process.env);
  const { pool, stop } = createPool({ databaseUrl: DATABASE_URL, name: 'relay keys', max: 1, logger });
  const passwordHash = createPasswordHash();
  const operations: KeyOperation[] = [];
  const onOperation = (operation: KeyOperation) => void operations.push(operation);
  const manager = new APIKeyManager({ pool, adminSecret: ADMIN_SECRET, passwordHash, logger, onOperation });
  try {
    const result = await run(manager);
    if (result === undefined) {
      console.error(USAGE);
      process.exitCode = 2;
    } else {
      console.log(JSON.stringify(result));
    }
    for (const operation of operations) {
      const what = `${operation.action} of key ${operation.id}`;
      await auditFromShell(toKeyAudit(operation), { redisUrl: REDIS_URL, pbxId: PBX_ID, logger, what });
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
