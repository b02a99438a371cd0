/** `PT1M5.25S`: durations in XAPI are ISO 8601, zero is `PT0S` (3cx.md §2.1). */
export function isoDuration(spanMs: number): string {
  const hours = Math.floor(spanMs / 3_600_000);
  const minutes = Math.floor((spanMs % 3_600_000) / 60_000);
  const seconds = Math.round(spanMs % 60_000) / 1000;
  const parts = [hours > 0 ? `${hours}H` : '', minutes > 0 ? `${minutes}M` : '', seconds > 0 ? `${seconds}S` : ''].join(
    '',
  );
  return `PT${parts || '0S'}`;
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
