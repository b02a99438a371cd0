import { decodeErrorEvent } from '@3cx-relay/shared/errors/error-event.ts';
import { foldErrors } from '@3cx-relay/shared/errors/error-groups.ts';
import { fingerprintsOf } from '@3cx-relay/shared/errors/error-page.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { selectOpenErrors, upsertErrors } from '@3cx-relay/shared/store/error-log.ts';
import { storeInHalves } from '../in-halves.ts';
import type { Filling } from './fill-tables.ts';

/** The lock on the channel's position makes this the only writer of groups, so that reading first is safe. */
export async function fillErrorLog({ client, onUnstorable }: Filling, entries: readonly LogEntry[]): Promise<void> {
  const events = entries.flatMap(entry => decodeErrorEvent(entry) ?? []);
  const fingerprints = new Set(events.flatMap(fingerprintsOf));
  if (fingerprints.size === 0) return;
  const open = await selectOpenErrors(client, [...fingerprints]);
  const changed = foldErrors(open, events);
  await storeInHalves({ client, store: some => upsertErrors(client, some), onRefused: onUnstorable }, changed);
}
