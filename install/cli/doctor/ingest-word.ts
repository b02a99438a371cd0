import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';

/** What ingest says of itself, as far as this version understands it. Times are ISO 8601. */
export interface IngestWord {
  readonly state: string | null;
  readonly socketSince: string | null;
  readonly lastFrameAt: string | null;
  readonly spoolBytes: number | null;
  readonly error: string | null;
  readonly database: { readonly origin: string; readonly login: string; readonly records: string | null } | null;
  readonly components: ReadonlyMap<string, { readonly state: string; readonly error: string | null }>;
  /** Those that the PBX shows this API client, and all it has; null: not known. */
  readonly extensions: { readonly monitored: number | null; readonly total: number | null };
  /** The first of those that it does not show. */
  readonly missingExtensions: readonly string[];
  /** Null: the PBX has not said. */
  readonly isLicenceActive: boolean | null;
}

/** Null when it says nothing: it does not run, or not with this PBX_ID. */
export async function readIngestWord(redis: Redis, keys: LogKeys): Promise<IngestWord | null> {
  const text = await redis.get(keys.ingestStatus);
  return text === null ? null : toIngestWord(JSON.parse(text));
}

/** What an ingest that waits for another one says. */
export interface StandbyWord {
  readonly host: string;
  readonly pid: number;
}

/** Of several the one that spoke last; null: none stands by. */
export async function readStandby(redis: Redis, keys: LogKeys): Promise<StandbyWord | null> {
  const text = await redis.get(keys.ingestStandby);
  if (text === null) return null;
  const { host, pid } = recordOf(JSON.parse(text));
  return { host: textOf(host) ?? 'another machine', pid: numberOf(pid) ?? 0 };
}

/** Another version may say more or less: whatever is not as expected counts as not said. */
export function toIngestWord(said: unknown): IngestWord {
  const word = recordOf(said);
  const database = recordOf(word.database);
  const extensions = recordOf(word.extensions);
  const components = (Array.isArray(word.components) ? word.components : []).map(each => {
    const { component, state, error } = recordOf(each);
    return [String(component), { state: String(state), error: textOf(error) }] as const;
  });
  return {
    state: textOf(word.state),
    socketSince: textOf(word.socketSince),
    lastFrameAt: textOf(word.lastFrameAt),
    spoolBytes: numberOf(word.spoolBytes),
    error: textOf(word.error),
    database:
      typeof database.origin === 'string'
        ? { origin: database.origin, login: textOf(database.login) ?? '', records: textOf(database.records) }
        : null,
    components: new Map(components),
    extensions: { monitored: numberOf(extensions.monitored), total: numberOf(extensions.total) },
    missingExtensions: (Array.isArray(word.missingExtensions) ? word.missingExtensions : []).map(String),
    isLicenceActive: typeof word.isLicenceActive === 'boolean' ? word.isLicenceActive : null,
  };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
