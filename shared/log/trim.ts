import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import type { LogPosition } from '../wire/position.ts';
import type { LogKeys } from './keys.ts';
import { withScript } from './with-script.ts';

export interface TrimLimits {
  /** Everything up to here is committed in PostgreSQL. Nothing after it is ever removed. */
  readonly persisted: LogPosition;
  /** Unix ms; entries before it are removed. */
  readonly tooOldBefore: number;
  /** How many of the newest entries may stay, whatever their age. */
  readonly keepNewest: number;
}

export interface Trimmed {
  readonly removed: number;
  /** Highest number ever removed from this channel. */
  readonly trimmedUntil: number;
}

/** About 3 ms of Redis' time. */
const STEP_ENTRIES = 5_000;

const TRIM = { numberOfKeys: 2, lua: readFileSync(new URL('./trim.lua', import.meta.url), 'utf8') };

interface ScriptedRedis {
  trimLog(...args: (string | number)[]): Promise<[removed: number, trimmedUntil: number]>;
}

/** Removes in small steps until nothing is left to remove or the signal aborts. */
export async function trimLog(
  target: { redis: Redis; keys: LogKeys; channel: Channel },
  limits: TrimLimits,
  signal: AbortSignal,
): Promise<Trimmed> {
  const { redis, keys, channel } = target;
  let removed = 0;
  for (;;) {
    const [count, trimmedUntil] = await withScript<ScriptedRedis>(redis, 'trimLog', TRIM).trimLog(
      keys.log(channel),
      keys.meta(channel),
      limits.persisted.epoch,
      limits.persisted.seq,
      limits.tooOldBefore,
      limits.keepNewest,
      STEP_ENTRIES,
    );
    removed += count;
    if (count === 0 || signal.aborted) return { removed, trimmedUntil };
  }
}
