import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { parseStored } from '@3cx-relay/shared/log/stored-json.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { type CallStatistics, selectCallStatistics } from '@3cx-relay/shared/store/call-history.ts';
import type { Board } from '@3cx-relay/shared/wire/admin/wallboards.ts';
import type pg from 'pg';
import { shareAnswer } from '../../share-answer.ts';
import { shownOfCall, toBoardCalls } from './to-board.ts';

export interface BoardDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: pg.Pool;
  readonly now: () => number;
}

/** The board with the day of a time zone. Rejects while Redis is away. */
export type ReadBoard = (timeZone: string) => Promise<Board>;

/** Screens ask every other second. */
const CALLS_VALID_MS = 900;
/** What they count is persisted every second or so; a day's sums change slowly. */
const TODAY_VALID_MS = 5_000;
const WITHIN_MS = 1_500;
/** Screens stand in a few zones; whoever asks for all there are makes the others read again, and no more. */
const MAX_ZONES = 20;
/** Longer than any day, so that all of today is within. */
const BACK_MS = 48 * 3_600_000;

/** All who ask within a second share what is read. */
export function createReadBoard(deps: BoardDeps): ReadBoard {
  const { redis, keys, now } = deps;
  const zones = new Map<string, () => Promise<Board['today']>>();
  const readCalls = shareAnswer(async () => {
    const { position, calls } = await within(WITHIN_MS, readSnapshot(redis, keys));
    // What is no call, or not yet one of this version, is no row of a board.
    const parsed = Object.values(calls).flatMap(text => shownOfCall.safeParse(parseStored(text)).data ?? []);
    return { asOf: new Date(now()).toISOString(), position, ...toBoardCalls(parsed) };
  }, CALLS_VALID_MS);

  function readToday(timeZone: string): Promise<Board['today']> {
    const read = zones.get(timeZone) ?? shareAnswer(() => todayOf(deps, timeZone), TODAY_VALID_MS);
    zones.delete(timeZone);
    zones.set(timeZone, read);
    const [oldest] = zones.keys();
    if (zones.size > MAX_ZONES && oldest !== undefined) zones.delete(oldest);
    return read();
  }

  return async timeZone => {
    const [calls, today] = await Promise.all([readCalls(), readToday(timeZone).catch(() => null)]);
    return { ...calls, today };
  };
}

/** The hours of today, found here: a browser's name of its zone may be one that PostgreSQL does not know. */
async function todayOf({ pool, now }: BoardDeps, timeZone: string): Promise<Board['today']> {
  const [from, to] = [new Date(now() - BACK_MS), new Date(now())];
  const hours = await within(
    WITHIN_MS,
    selectCallStatistics(pool, { from, to, by: 'hour', timeZone: 'UTC', of: 'all' }),
  );
  const { format } = new Intl.DateTimeFormat('en-CA', { timeZone });
  const today = hours.filter(({ period }) => format(new Date(period)) === format(to));
  const sum = (numberOf: (hour: CallStatistics) => number) => today.reduce((all, hour) => all + numberOf(hour), 0);
  const [calls, answered, rung] = [sum(hour => hour.calls), sum(hour => hour.answered), sum(({ ring }) => ring.calls)];
  const known = calls - sum(hour => hour.unknown);
  return {
    ...{ calls, answered, missed: sum(hour => hour.missed), abandoned: sum(hour => hour.abandoned) },
    answeredShare: known === 0 ? null : answered / known,
    meanRingMs: rung === 0 ? null : sum(({ ring }) => ring.sumMs) / rung,
  };
}
