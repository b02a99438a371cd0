import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import type { LogKeys } from './keys.ts';
import { withScript } from './with-script.ts';

export interface ShedEntries {
  readonly removed: number;
  /** Numbers of the first and the last entry that went; 0 when none did. */
  readonly from: number;
  readonly to: number;
}

/** As trim.ts: about 3 ms of Redis' time. */
const STEP_ENTRIES = 5_000;

const SHED = { numberOfKeys: 2, lua: readFileSync(new URL('./shed.lua', import.meta.url), 'utf8') };

interface ScriptedRedis {
  shedLog(...args: (string | number)[]): Promise<[removed: number, first: number, trimmedUntil: number]>;
}

/** Everything up to `untilSeq`, persisted or not. Whoever has not read it finds a gap there. */
export async function shedLog(
  target: { redis: Redis; keys: LogKeys; channel: Channel },
  untilSeq: number,
  signal: AbortSignal,
): Promise<ShedEntries> {
  const { redis, keys, channel } = target;
  let shed: ShedEntries = { removed: 0, from: 0, to: 0 };
  for (;;) {
    const [removed, first, to] = await withScript<ScriptedRedis>(redis, 'shedLog', SHED).shedLog(
      keys.log(channel),
      keys.meta(channel),
      untilSeq,
      STEP_ENTRIES,
    );
    if (removed === 0) return shed;
    shed = { removed: shed.removed + removed, from: shed.from || first, to };
    if (signal.aborted) return shed;
  }
}
