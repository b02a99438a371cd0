/**
 * The cursor of the Durable Streams protocol (§8.1): the number of 20-second intervals since a fixed day. A client sends
 * back the last one it got, so that caches give the clients of one interval one answer, and never the same answer to one
 * that has it already: a cursor that is not in the past is answered with a greater one.
 */
const EPOCH_MS = Date.UTC(2024, 9, 9);
const INTERVAL_MS = 20_000;
/** The protocol adds 1 to 3,600 random seconds. */
const MAX_JITTER_INTERVALS = 3_600_000 / INTERVAL_MS;

/** Both in and out as decimal text; `sent` is null for a client that has none. */
export function nextCursor(
  sent: string | null,
  clock: { now: () => number; random: () => number } = { now: Date.now, random: Math.random },
): string {
  const current = Math.floor((clock.now() - EPOCH_MS) / INTERVAL_MS);
  const given = sent === null ? -1 : Number(sent);
  if (given < current) return String(current);
  return String(given + 1 + Math.floor(clock.random() * MAX_JITTER_INTERVALS));
}
