import type { CallStatistics } from '@3cx-relay/shared/wire/history.ts';

export type Period = 'hour' | 'day' | 'month';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The relay counts by the hour over so many days at most. */
const MAX_HOURLY_MS = 62 * DAY_MS;

export function periodsFor(spanMs: number): readonly Period[] {
  return spanMs <= MAX_HOURLY_MS ? ['hour', 'day', 'month'] : ['day', 'month'];
}

/** Some ten to a hundred bars. */
export function usualPeriod(spanMs: number): Period {
  if (spanMs <= 2 * DAY_MS) return 'hour';
  return spanMs <= 92 * DAY_MS ? 'day' : 'month';
}

/** Begins of all periods from the one of `from` up to `to`, in the zone of this machine; Unix ms. */
export function periodStarts(period: Period, { from, to }: { from: number; to: number }): number[] {
  const starts: number[] = [];
  for (let at = startOf(period, from); at < to; at = nextStart(period, at)) starts.push(at);
  return starts;
}

function startOf(period: Period, at: number): number {
  const local = new Date(at);
  if (period === 'hour') return local.setMinutes(0, 0, 0);
  return new Date(local.getFullYear(), local.getMonth(), period === 'day' ? local.getDate() : 1).getTime();
}

function nextStart(period: Period, at: number): number {
  if (period === 'hour') return at + HOUR_MS;
  const local = new Date(at);
  const [year, month, day] = [local.getFullYear(), local.getMonth(), local.getDate()];
  return (period === 'day' ? new Date(year, month, day + 1) : new Date(year, month + 1, 1)).getTime();
}

/** Sums of several periods or extensions. */
export interface CallSums {
  readonly calls: number;
  readonly answered: number;
  readonly missed: number;
  readonly abandoned: number;
  readonly answeredShare: number | null;
  readonly meanRingMs: number | null;
  readonly meanTalkMs: number | null;
}

export function sumCalls(parts: readonly CallStatistics[]): CallSums {
  const sum = (amountOf: (part: CallStatistics) => number) => parts.reduce((all, part) => all + amountOf(part), 0);
  const calls = sum(part => part.calls);
  const answered = sum(part => part.answered);
  return {
    ...{ calls, answered, missed: sum(part => part.missed), abandoned: sum(part => part.abandoned) },
    answeredShare: calls === 0 ? null : answered / calls,
    meanRingMs: meanOf(parts.map(({ ringMs, meanRingMs }) => ({ sumMs: ringMs, meanMs: meanRingMs }))),
    meanTalkMs: meanOf(parts.map(({ talkMs, meanTalkMs }) => ({ sumMs: talkMs, meanMs: meanTalkMs }))),
  };
}

/** Each mean counts as often as it had calls, which its sum tells. Calls of no length at all tell nothing here. */
function meanOf(parts: readonly { sumMs: number | null; meanMs: number | null }[]): number | null {
  let [sumMs, calls] = [0, 0];
  for (const part of parts) {
    if (!part.sumMs || !part.meanMs) continue;
    sumMs += part.sumMs;
    calls += Math.round(part.sumMs / part.meanMs);
  }
  return calls === 0 ? null : sumMs / calls;
}

/** Of each extension or queue its sums, the busiest first. */
export function sumById(parts: readonly CallStatistics[]): { id: string; sums: CallSums }[] {
  const byId = Map.groupBy(parts, ({ id }) => id ?? '');
  return [...byId]
    .map(([id, own]) => ({ id, sums: sumCalls(own) }))
    .sort((one, other) => other.sums.calls - one.sums.calls || one.id.localeCompare(other.id));
}
