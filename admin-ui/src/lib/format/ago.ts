/** Made when it is first needed: it takes a telephone a tenth of a second. */
let relative: Intl.RelativeTimeFormat | undefined;

const MINUTE_MS = 60_000;
const UNITS = [
  { unit: 'year', ms: 365 * 24 * 60 * MINUTE_MS },
  { unit: 'month', ms: 30 * 24 * 60 * MINUTE_MS },
  { unit: 'day', ms: 24 * 60 * MINUTE_MS },
  { unit: 'hour', ms: 60 * MINUTE_MS },
  { unit: 'minute', ms: MINUTE_MS },
] as const;

/** `3 minutes ago`, `in 12 days`; within a minute `now`. In the viewer's language. */
export function formatAgo(unixMs: number, now: number): string {
  relative ??= new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
  const away = unixMs - now;
  const fitting = UNITS.find(({ ms }) => Math.abs(away) >= ms);
  return fitting ? relative.format(Math.trunc(away / fitting.ms), fitting.unit) : relative.format(0, 'second');
}
