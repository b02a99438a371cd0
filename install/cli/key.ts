import type { ListedApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { COMMAND_LINE } from '../../services/relay/audit-from-shell.ts';
import { relayConfig } from '../../services/relay/config.ts';
import { APIKeyManager } from '../../services/relay/keys/api-key-manager.ts';
import { type KeyOperation, toKeyAudit } from '../../services/relay/keys/key-audit.ts';
import type { KeyOptions } from '../../services/relay/keys/key-input.ts';
import { createPasswordHash } from '../../services/relay/passwords/password-hash.ts';
import { parseOptions, wholeNumber } from './options.ts';
import { formatTable } from './print.ts';
import { requireSettings, type Settings } from './settings.ts';
import { tellAudit } from './shell-audit.ts';
import { openPostgres, silent } from './stores.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export const KEY_USAGE = `usage: 3cx-relay key create --name NAME --permissions read,history,write,monitor [restrictions]
       3cx-relay key list [--json]
       3cx-relay key rotate --id ID --overlap-hours HOURS
       3cx-relay key revoke --id ID
restrictions, each optional:
       --expires 2027-01-31T00:00:00Z       when the key ends
       --dns 101,102                        sees and commands these extensions alone
       --addresses 10.0.0.0/8,2001:db8::7   is used from there alone
       --max-connections N                  live connections at the same time
       --requests-per-second N

  A key is printed once, when it is made; nothing that is stored leads back to it. What is changed stands in the audit.
`;

const MS_PER_HOUR = 3_600_000;
const OPTIONS = {
  name: { type: 'string' },
  permissions: { type: 'string' },
  expires: { type: 'string' },
  dns: { type: 'string' },
  addresses: { type: 'string' },
  'max-connections': { type: 'string' },
  'requests-per-second': { type: 'string' },
  'overlap-hours': { type: 'string' },
  id: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>['values'];

/** Resolves with the exit code. */
export async function key(args: readonly string[], settings: Settings, terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  if (values.help) {
    terminal.stdout.write(KEY_USAGE);
    return 0;
  }
  const [command, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many.`);
  const work = workOf(command, values);
  const { ADMIN_SECRET: adminSecret } = requireSettings(settings, { ADMIN_SECRET: relayConfig.ADMIN_SECRET });
  const { pool, stop } = openPostgres(settings);
  const passwordHash = createPasswordHash();
  const operations: KeyOperation[] = [];
  const onOperation = (operation: KeyOperation) => void operations.push(operation);
  const manager = new APIKeyManager({ pool, adminSecret, passwordHash, logger: silent, onOperation });
  try {
    terminal.stdout.write(await work(manager));
    for (const operation of operations) {
      await tellAudit(settings, toKeyAudit(operation), `${operation.action} of key ${operation.id}`);
    }
    return 0;
  } finally {
    await manager.stop();
    await passwordHash.stop();
    await stop();
  }
}

/** What there is to do, with all that it takes. @throws UsageError */
function workOf(command: string | undefined, values: Values): (manager: APIKeyManager) => Promise<string> {
  switch (command) {
    case 'create': {
      const [name, permissions] = [required('name', values.name), required('permissions', values.permissions)];
      const options = toOptions(values);
      return async manager => {
        const { id, apiKey } = await manager.generateKey(name, permissions.split(','), COMMAND_LINE, options);
        return toLine({ id, apiKey });
      };
    }
    case 'list':
      return async manager => {
        const apiKeys = await manager.listKeys();
        return values.json ? toLine({ apiKeys }) : formatKeys(apiKeys);
      };
    case 'rotate': {
      const id = wholeNumber('id', required('id', values.id));
      const hours = Number(required('overlap-hours HOURS', values['overlap-hours']));
      if (!Number.isFinite(hours)) throw new UsageError('--overlap-hours: say a number of hours.');
      return async manager => {
        const overlapMs = Math.round(hours * MS_PER_HOUR);
        const rotated = await manager.rotateKey(id, { overlapMs, rotatedBy: COMMAND_LINE });
        const { id: newId, apiKey, oldExpiresAt: replacedExpiresAt } = rotated;
        return toLine({ id: newId, apiKey, replaces: id, replacedExpiresAt });
      };
    }
    case 'revoke': {
      const id = wholeNumber('id', required('id', values.id));
      return async manager => toLine({ id, revoked: await manager.revokeKey(id, COMMAND_LINE) });
    }
    default:
      throw new UsageError(command === undefined ? 'Say what to do.' : `There is no "key ${command}".`);
  }
}

function required(name: string, value: string | undefined): string {
  if (value) return value;
  throw new UsageError(`--${name} is missing.`);
}

function toLine(result: object): string {
  return `${JSON.stringify(result)}\n`;
}

function toOptions(values: Values): KeyOptions {
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

function formatKeys(keys: readonly ListedApiKey[]): string {
  if (keys.length === 0) return 'There is no key: make one with "3cx-relay key create".\n';
  return formatTable(
    ['id', 'client', 'begins with', 'permissions', 'last used', 'ends', ''],
    keys.map(one => [
      String(one.id),
      one.clientName,
      `3cxr_${one.prefix}…`,
      one.permissions.join(','),
      dayOf(one.lastUsedAt) ?? 'never',
      dayOf(one.expiresAt) ?? 'never',
      one.active ? '' : 'revoked',
    ]),
  );
}

function dayOf(time: Date | null): string | undefined {
  return time?.toISOString().slice(0, 10);
}
