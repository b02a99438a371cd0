import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { Block } from '../live/block.ts';

/**
 * How many entries no store has any more between `cursor` and what `block` has next, for a gap to tell. None where that is the
 * first entry of an epoch, which says itself what is missing before it; where such an entry is missing too, nobody else does.
 */
export function lostBehind(
  block: Pick<Block, 'firstBehind' | 'last'>,
  cursor: number,
  epochs: readonly EpochStart[],
): number {
  const found = block.firstBehind(cursor);
  if (found !== null && epochs.some(({ first }) => first === found)) return 0;
  return Math.max(0, (found ?? block.last + 1) - cursor - 1);
}
