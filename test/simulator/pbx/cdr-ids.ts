import type { Clock } from './clock.ts';

const UNIX_EPOCH_IN_FILETIME_MS = 11_644_473_600_000n;

/**
 * Ids as 3CX makes them (3cx.md §3.2, derived from a dump): hex digits 9 to 24 are the Windows FILETIME of creation,
 * the last eight a counter, so `00000000-01dc-688a-2607-57e500000c10`.
 */
export function createCdrIds(clock: Clock): () => string {
  let counter = 0;
  return () => {
    const fileTime = ((BigInt(Math.floor(clock.now())) + UNIX_EPOCH_IN_FILETIME_MS) * 10_000n)
      .toString(16)
      .padStart(16, '0');
    counter = (counter + 1) >>> 0;
    const parts = [fileTime.slice(0, 4), fileTime.slice(4, 8), fileTime.slice(8, 12)];
    return `00000000-${parts.join('-')}-${fileTime.slice(12)}${counter.toString(16).padStart(8, '0')}`;
  };
}
