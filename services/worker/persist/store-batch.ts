import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { insertEvents, toUnstorableBody } from '@3cx-relay/shared/store/events.ts';
import type { PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { storeInHalves } from './in-halves.ts';

/**
 * Stores a batch even when PostgreSQL refuses one of its rows.
 *
 * The PBX can send what JSON allows and PostgreSQL does not: thousands of nested arrays, U+0000, a time in the year
 * 300000. Copying must not stop for ever at such an entry, because nothing behind it could be trimmed either. So a
 * refused batch is halved until the entry stands alone, and that one is stored with its body as a JSON string.
 */
export interface Batch {
  readonly client: PostgresClient;
  readonly channel: Channel;
  readonly onUnstorable: (entry: LogEntry, error: unknown) => void;
  /** Which errors are the fault of an entry; those of its data unless told. See quarantine.ts. */
  readonly isRefusal?: (error: unknown) => boolean;
}

/** Keeps a value below the size of an index row (2704 bytes) whatever characters it has. */
const MAX_ATTRIBUTE_LENGTH = 500;
const LATEST_MS = Date.UTC(9999, 0);

export function storeBatch(batch: Batch, entries: readonly LogEntry[]): Promise<void> {
  const { client, channel, onUnstorable, ...rest } = batch;
  const store = (some: readonly LogEntry[]) => insertEvents(client, channel, some);
  return storeInHalves(
    {
      client,
      store,
      ...rest,
      async onRefused(entry, error) {
        onUnstorable(entry, error);
        if (!rest.isRefusal) await store([toStorable(entry)]);
        // It may be refused for something else than its values: then the dead letter is all there is of it.
        else await storeInHalves({ client, store, ...rest, onRefused: () => undefined }, [toStorable(entry)]);
      },
    },
    entries,
  );
}

function toStorable(entry: LogEntry): LogEntry {
  const isPlausible = entry.at >= 0 && entry.at < LATEST_MS;
  return {
    ...entry,
    type: toAttribute(entry.type) ?? '',
    at: isPlausible ? Math.trunc(entry.at) : Date.now(),
    event: toAttribute(entry.event),
    dn: toAttribute(entry.dn),
    call: toAttribute(entry.call),
    body: toUnstorableBody(entry.body),
  };
}

function toAttribute(value: string | null): string | null {
  return value?.replaceAll('\0', '\uFFFD').slice(0, MAX_ATTRIBUTE_LENGTH) ?? null;
}
