import { numberFormat } from './lazy-intl.ts';

/** Numbers in the viewer's language. */
const whole = numberFormat({ maximumFractionDigits: 0 });
const short = numberFormat({ notation: 'compact', maximumFractionDigits: 1 });
const oneDigit = numberFormat({ maximumFractionDigits: 1 });
const share = numberFormat({ style: 'percent', maximumFractionDigits: 0 });

export function formatCount(value: number): string {
  return whole.format(value);
}

/** `12`, `1.2K`, `3.4M`. */
export function formatShort(value: number): string {
  return short.format(value);
}

/** `0.4/s`, `12/s`. */
export function formatRate(perSecond: number): string {
  return `${(perSecond < 10 ? oneDigit : whole).format(perSecond)}/s`;
}

/** `0.8 ms`, `12 ms`, `1.4 s`. */
export function formatLatency(ms: number): string {
  return ms < 1_000 ? `${(ms < 10 ? oneDigit : whole).format(ms)} ms` : `${oneDigit.format(ms / 1_000)} s`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** In steps of 1000. */
export function formatBytes(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${oneDigit.format(bytes / 1_000 ** step)} ${UNITS[step]}`;
}

/** `value` from 0 to 1. */
export function formatShare(value: number): string {
  return share.format(value);
}
