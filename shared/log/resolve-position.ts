import type { LogPosition } from '../wire/position.ts';
import { type EpochStart, epochAfter } from './epochs.ts';

export type GapReason = 'pbx_disconnected' | 'retention' | 'log_reset' | 'log_rolled_back';

export interface Resolved {
  /** Read on with the entry after this number. */
  readonly cursor: number;
  /** What the reader must be told first, or null when nothing is missing. */
  readonly gap: {
    readonly lost: number | null;
    readonly reason: GapReason;
  } | null;
}

/**
 * Where a reader that has seen everything up to `after` goes on, and what it missed. Total: every position that can be
 * parsed has an answer.
 *
 * - in the current epochs and still held: exactly there;
 * - older than what is held: from the oldest entry, after a gap that counts what is gone;
 * - ahead of the log, or past the end of its own epoch: the log was rolled back behind what this reader saw;
 * - of an epoch nobody knows: the log was lost since. Epochs sort by time, so it has seen what came before that one and
 *   reads on where the next known one begins; one that sorts behind all of them says nothing, and gets everything. How
 *   much is gone nobody can say.
 */
export function resolvePosition(
  after: LogPosition,
  log: { epochs: readonly EpochStart[]; head: number; oldest: number },
): Resolved {
  const index = log.epochs.findIndex(start => start.epoch === after.epoch);
  const own = log.epochs[index];
  if (!own || after.seq < own.first - 1) {
    const following = epochAfter(log.epochs, after.epoch);
    const cursor = own ? log.oldest - 1 : Math.max(log.oldest, following?.first ?? 0) - 1;
    return { cursor, gap: { lost: null, reason: 'log_reset' } };
  }
  const next = log.epochs[index + 1];
  const lastOfEpoch = next ? next.first - 1 : log.head;
  if (after.seq > lastOfEpoch) {
    const cursor = Math.max(lastOfEpoch, log.oldest - 1);
    return { cursor, gap: { lost: null, reason: 'log_rolled_back' } };
  }
  if (after.seq < log.oldest - 1) {
    return {
      cursor: log.oldest - 1,
      gap: { lost: log.oldest - 1 - after.seq, reason: 'retention' },
    };
  }
  return { cursor: after.seq, gap: null };
}
