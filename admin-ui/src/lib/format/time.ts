import { dateFormat } from './lazy-intl.ts';

/** In the viewer's language and zone. */
const clock = dateFormat({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const millis = dateFormat({
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const day = dateFormat({ day: 'numeric', month: 'short' });
const exact = dateFormat({
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
});

const SECOND_MS = 1_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;

export function formatClock(unixMs: number): string {
  return clock.format(unixMs);
}

/** To the millisecond, for entries that follow each other closely. */
export function formatMillis(unixMs: number): string {
  return millis.format(unixMs);
}

export function formatExact(unixMs: number): string {
  return exact.format(unixMs);
}

/** With the day when it is not the day of `now`. */
export function formatSince(unixMs: number, now: number): string {
  const isToday = new Date(unixMs).toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(unixMs) : `${day.format(unixMs)}, ${clock.format(unixMs)}`;
}

/** `0:07`, `12:40`, `1:02:03`. */
export function formatTimer(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS));
  const hours = Math.floor(seconds / HOUR_S);
  const minutes = Math.floor((seconds % HOUR_S) / MINUTE_S);
  const rest = String(seconds % MINUTE_S).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** `7 s`, `3 min`, `2 h 5 min`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / SECOND_MS));
  if (seconds < MINUTE_S) return `${seconds} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  const minutes = Math.floor((seconds % HOUR_S) / MINUTE_S);
  return `${Math.floor(seconds / HOUR_S)} h${minutes > 0 ? ` ${minutes} min` : ''}`;
}

const dayOfYear = dateFormat({ day: 'numeric', month: 'short', year: '2-digit' });

/** `3 Nov`; of another year than that of `now` with the year. */
export function formatDay(unixMs: number, now: number): string {
  const isThisYear = new Date(unixMs).getFullYear() === new Date(now).getFullYear();
  return (isThisYear ? day : dayOfYear).format(unixMs);
}
