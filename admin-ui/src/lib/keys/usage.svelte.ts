import type { ApiKeyUsageAnswer } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import type { AdminApi } from '../api/admin-api.ts';
import { Loaded } from '../api/loaded.svelte.ts';
import type { ChartShape } from '../charts/chart-shape.ts';
import { dateFormat } from '../format/lazy-intl.ts';
import { formatCount } from '../format/numbers.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REFRESH_MS = 60_000;

/** How far back, and in what steps: some bars, never hundreds. */
export const USAGE_SPANS = [
  { value: '24h', label: '24 hours', ms: DAY_MS, by: 'hour' },
  { value: '7d', label: '7 days', ms: 7 * DAY_MS, by: 'hour' },
  { value: '30d', label: '30 days', ms: 30 * DAY_MS, by: 'day' },
  { value: '365d', label: 'A year', ms: 365 * DAY_MS, by: 'day' },
] as const;

export type UsageSpan = (typeof USAGE_SPANS)[number];

const hour = dateFormat({ hour: '2-digit', minute: '2-digit' });
const dayAndHour = dateFormat({
  ...{ weekday: 'short', day: 'numeric', month: 'short' },
  ...{ hour: '2-digit', minute: '2-digit' },
});
/** Days are those of UTC: in another zone their beginning would be the evening before. */
const day = dateFormat({ day: 'numeric', month: 'short', timeZone: 'UTC' });

/** What one key was used for. */
export class KeyUsage {
  readonly answer: Loaded<ApiKeyUsageAnswer>;

  constructor(api: AdminApi, keyId: number, span: UsageSpan) {
    this.answer = new Loaded(signal => {
      const now = Date.now();
      const query = { from: new Date(now - span.ms), to: new Date(now), by: span.by };
      return api.get<ApiKeyUsageAnswer>(`api-keys/${keyId}/usage`, query, signal);
    });
  }

  /** For an effect. */
  watch(): () => void {
    return this.answer.keepLoading(REFRESH_MS);
  }
}

/** Periods in which nothing was asked are drawn as such. */
export function toUsageChart({ from, to, by, periods }: ApiKeyUsageAnswer): ChartShape {
  const stepMs = by === 'hour' ? HOUR_MS : DAY_MS;
  const known = new Map(periods.map(period => [Date.parse(period.at), period]));
  const first = Math.floor(Date.parse(from) / stepMs) * stepMs;
  const last = Date.parse(to);
  const times = Array.from({ length: Math.floor((last - first) / stepMs) + 1 }, (_, place) => first + place * stepMs);
  const format = by === 'day' ? day : last - first > 2 * DAY_MS ? dayAndHour : hour;
  return {
    kind: 'bar',
    isStacked: true,
    labels: times.map(time => format.format(time)),
    series: [
      {
        label: 'Answered',
        color: 'accent',
        values: times.map(time => (known.get(time)?.requests ?? 0) - (known.get(time)?.errors ?? 0)),
      },
      { label: 'Refused or failed', color: 'bad', values: times.map(time => known.get(time)?.errors ?? 0) },
    ],
    format: formatCount,
  };
}
