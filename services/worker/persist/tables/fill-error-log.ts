import { decodeErrorEvent } from '@3cx-relay/shared/errors/error-event.ts';
import { type ErrorGroup, foldErrors } from '@3cx-relay/shared/errors/error-groups.ts';
import { fingerprintsOf } from '@3cx-relay/shared/errors/merged-errors.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { selectOpenErrors, upsertErrors } from '@3cx-relay/shared/store/error-log.ts';
import { storeInHalves } from '../in-halves.ts';
import type { Filling } from './filling.ts';

/** The lock on the channel's position makes this the only writer of groups, so that reading first is safe. */
export async function fillErrorLog({ client, onUnstorable }: Filling, entries: readonly LogEntry[]): Promise<void> {
  const decoded = entries.flatMap(entry => {
    const event = decodeErrorEvent(entry);
    return event ? [{ entry, event }] : [];
  });
  const events = decoded.map(({ event }) => event);
  const fingerprints = new Set(events.flatMap(fingerprintsOf));
  if (fingerprints.size === 0) return;
  const open = await selectOpenErrors(client, [...fingerprints]);
  const changed = foldErrors(open, events);
  // A group stands for many entries; each of them has to come again.
  const onRefused = async (group: ErrorGroup, error: unknown) => {
    for (const { entry, event } of decoded) {
      if (fingerprintsOf(event).includes(group.fingerprint)) await onUnstorable(group, error, entry);
    }
  };
  await storeInHalves({ client, store: some => upsertErrors(client, some), onRefused }, changed);
}
