import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import { epochAt } from '../wire/position.ts';
import { type EpochStart, formatEpochs } from './epochs.ts';
import type { LogKeys } from './keys.ts';

const RECALL_SCRIPT = readFileSync(new URL('./recall.lua', import.meta.url), 'utf8');

/** What PostgreSQL has of a channel. */
export interface PersistedLog {
  /** Oldest first; the last one is that of `seq`. */
  readonly epochs: readonly EpochStart[];
  readonly seq: number;
}

/**
 * For a log that ends before what PostgreSQL has, or that forgot its epochs. A writer that lived through a failover finds
 * out by itself; one that died with it remembers nothing, and PostgreSQL is then the only witness of the numbers that
 * were given out. True when Redis had forgotten something.
 */
export async function recallLog(
  target: { redis: Redis; keys: LogKeys; channel: Channel },
  persisted: PersistedLog,
): Promise<boolean> {
  if (persisted.epochs.length === 0) return false;
  const { redis, keys, channel } = target;
  const epochs = formatEpochs(ofOneNumbering(persisted.epochs));
  const args = [epochs, persisted.seq, epochAt(Date.now())];
  return (await redis.eval(RECALL_SCRIPT, 2, keys.meta(channel), keys.log(channel), ...args)) === 1;
}

/** Where numbers began again because nobody was left to remember, what came before is of another numbering. */
function ofOneNumbering(epochs: readonly EpochStart[]): EpochStart[] {
  const begin = epochs.findLastIndex(({ first }, index) => first <= (epochs[index - 1]?.first ?? 0));
  return epochs.slice(Math.max(0, begin));
}
