import { beganWithin, type EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { Ring } from '../live/ring.ts';

/**
 * Whether one of the two lists goes on where the other ends, and nothing that was read up to `head` has a number that the
 * other gives to an epoch of its own: then what was read last was lost, and the log begun again behind it.
 */
export function isSameLog(
  one: { readonly epochs: readonly EpochStart[]; readonly head: number },
  other: readonly EpochStart[],
): boolean {
  const [last, otherLast] = [one.epochs.at(-1)?.epoch, other.at(-1)?.epoch];
  if (last === undefined || otherLast === undefined) return true;
  if (one.epochs.some(({ epoch }) => epoch === otherLast)) return true;
  const known = other.findIndex(({ epoch }) => epoch === last);
  return known >= 0 && !beganWithin(other.slice(known + 1), one.head);
}

/** What is read from several places, all of one log: when it is begun again meanwhile, it is read again. */
export async function inOneLog<Result>(ring: Ring, read: () => Promise<Result>): Promise<Result> {
  for (;;) {
    const { generation } = ring;
    const result = await read();
    if (ring.generation === generation) return result;
  }
}
