const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Stretches that end now. */
export const PRESETS = [
  { name: '1h', label: 'Last hour', ms: HOUR_MS },
  { name: '24h', label: 'Last 24 hours', ms: DAY_MS },
  { name: '7d', label: 'Last 7 days', ms: 7 * DAY_MS },
  { name: '30d', label: 'Last 30 days', ms: 30 * DAY_MS },
  { name: '365d', label: 'Last year', ms: 365 * DAY_MS },
] as const;

export type PresetName = (typeof PRESETS)[number]['name'];

/** Unix ms. */
export interface FixedRange {
  readonly from: number;
  readonly to: number;
}

export type TimeRange = { readonly preset: PresetName } | FixedRange;

export function rangeOf(range: TimeRange, now: number): FixedRange {
  if (!('preset' in range)) return range;
  const ms = PRESETS.find(({ name }) => name === range.preset)?.ms ?? DAY_MS;
  return { from: now - ms, to: now };
}

/** As it stands in an address: `7d`, or two times with two dots between. */
export function formatRange(range: TimeRange): string {
  return 'preset' in range
    ? range.preset
    : `${new Date(range.from).toISOString()}..${new Date(range.to).toISOString()}`;
}

/** What `formatRange` wrote; anything else is `fallback`. */
export function parseRange(text: string | null, fallback: PresetName): TimeRange {
  const preset = PRESETS.find(({ name }) => name === text);
  if (preset) return { preset: preset.name };
  const [from = Number.NaN, to = Number.NaN] = (text ?? '').split('..').map(Date.parse);
  return from < to ? { from, to } : { preset: fallback };
}

/** For `<input type="datetime-local">`, in the viewer's zone. */
export function toLocal(at: number): string {
  const zone = new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - zone).toISOString().slice(0, 19);
}
