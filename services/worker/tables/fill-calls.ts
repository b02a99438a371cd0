import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { lockCalls, upsertCalls } from '@3cx-relay/shared/store/calls.ts';
import { storeInHalves } from '../in-halves.ts';
import { decodeCalls } from './decode-calls.ts';
import type { Filling } from './fill-tables.ts';

/** Who took part and the sums of the hours follow by triggers. */
export async function fillCalls(
  { client, months, onUnstorable }: Filling,
  entries: readonly LogEntry[],
): Promise<void> {
  const calls = decodeCalls(entries);
  if (calls.length === 0) return;
  const times = calls.map(({ at }) => Date.parse(at));
  // Before anything of these tables is locked: creating a month needs them for itself.
  await months.ensure('calls', times);
  await months.ensure('call_parties', times);
  await lockCalls(client);
  await storeInHalves({ client, store: some => upsertCalls(client, some), onRefused: onUnstorable }, calls);
}
