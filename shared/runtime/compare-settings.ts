import { createHmac, randomBytes } from 'node:crypto';
import type { AuditRecord } from '../log/audit-entry.ts';
import type { LogKeys } from '../log/keys.ts';
import type { Logger } from './logger.ts';
import { type Redis, waitForRedis } from './redis.ts';
import { isSecretName, redactText } from './secrets.ts';

/**
 * What a service runs with, compared at its start with what it ran with before: a changed setting is an operation that
 * the audit must know. Of a secret it learns only that it changed.
 *
 * Redis keeps what was, with three bytes of a salted digest in place of each secret: enough to see a change, too little
 * to find a password by trying.
 */
type Settings = Readonly<Record<string, unknown>>;

/** They are of one instance of several, or picked anew at every start. */
const OF_AN_INSTANCE: ReadonlySet<string> = new Set(['PORT', 'INTERNAL_PORT']);
const SECRET_BYTES = 3;

interface Kept {
  readonly salt: string;
  readonly settings: Readonly<Record<string, string>>;
}

export interface SettingsDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly logger: Logger;
  readonly audit: (record: AuditRecord) => void;
}

/** Waits until Redis answers. Never throws: what cannot be compared now is compared at the next start. */
export async function compareSettings(deps: SettingsDeps, service: string, settings: Settings): Promise<void> {
  try {
    await waitForRedis(deps.redis);
    const text = await deps.redis.hget(deps.keys.settings, service);
    const before = text === null ? null : (JSON.parse(text) as Kept);
    const salt = before?.salt ?? randomBytes(16).toString('hex');
    const now = toKept(settings, salt);
    const changes = before ? changesBetween(before.settings, now) : [];
    if (changes.length > 0) deps.audit(toRecord(service, changes));
    // Afterwards: a process that dies here says it twice rather than never.
    if (!before || changes.length > 0) {
      await deps.redis.hset(deps.keys.settings, service, JSON.stringify({ salt, settings: now } satisfies Kept));
    }
  } catch (error) {
    deps.logger.warn({ err: error }, 'the settings could not be compared with those of the last start');
  }
}

/** What each service ran with when it last started; of a secret only that it is set. @throws when Redis is away */
export async function readSettings(redis: Redis, keys: LogKeys): Promise<ReadonlyMap<string, Settings>> {
  const kept = await redis.hgetall(keys.settings);
  return new Map(
    Object.entries(kept).map(([service, text]) => {
      const { settings } = JSON.parse(text) as Kept;
      return [service, Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, shown(value)]))];
    }),
  );
}

/** The settings of this process, as others may see them. */
export function showSettings(settings: Settings): Settings {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, isSecret(name, value) ? SECRET : value]));
}

function toKept(settings: Settings, salt: string): Kept['settings'] {
  const kept = Object.entries(settings)
    .filter(([name, value]) => !OF_AN_INSTANCE.has(name) && value !== undefined)
    .map(([name, value]) => [name, isSecret(name, value) ? digest(salt, value) : JSON.stringify(value)]);
  return Object.fromEntries(kept);
}

interface Change {
  readonly name: string;
  readonly from: unknown;
  readonly to: unknown;
}

function changesBetween(before: Kept['settings'], now: Kept['settings']): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  return names
    .filter(name => before[name] !== now[name])
    .map(name => ({ name, from: shown(before[name]), to: shown(now[name]) }));
}

function toRecord(service: string, changes: readonly Change[]): AuditRecord {
  return {
    action: 'config.change',
    actor: { kind: 'system', id: service, name: service },
    address: null,
    target: `config:${service}`,
    outcome: 'done',
    details: { changes },
  };
}

const SECRET = '[secret]';
const DIGEST = 'digest:';

function digest(salt: string, value: unknown): string {
  const bytes = createHmac('sha256', salt).update(JSON.stringify(value)).digest().subarray(0, SECRET_BYTES);
  return `${DIGEST}${bytes.toString('hex')}`;
}

/** Null: not set. */
function shown(kept: string | undefined): unknown {
  if (kept === undefined) return null;
  return kept.startsWith(DIGEST) ? SECRET : (JSON.parse(kept) as unknown);
}

/** By its name, or because a password stands in it, as in the address of a database. */
function isSecret(name: string, value: unknown): boolean {
  return isSecretName(name) || (typeof value === 'string' && redactText(value) !== value);
}
