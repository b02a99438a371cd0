import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { type CallRow, lockCalls, upsertCalls } from '@3cx-relay/shared/store/calls.ts';
import { storeInHalves } from '../in-halves.ts';
import { decodeCalls } from './decode-calls.ts';
import type { Filling } from './filling.ts';

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
  const onRefused = (call: CallRow, error: unknown) => onUnstorable(call, error, entryOf(call, entries));
  await storeInHalves({ client, store: some => upsertCalls(client, some), onRefused }, calls);
}

/** The one that said last what the call is. */
function entryOf({ epoch, seq }: CallRow, entries: readonly LogEntry[]): LogEntry {
  const entry = entries.find(said => said.epoch === epoch && said.seq === seq);
  if (!entry) throw new Error('a call was made from no entry');
  return entry;
}
