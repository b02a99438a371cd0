/**
 * The one module that looks inside a position.
 *
 * A position is `<epoch>_<seq as 16 digits>`: eight characters of base 36 that sort by time, then a gapless
 * sequence number. Zero padding makes positions sort as text over epochs too, and every character is legal in an
 * SSE id, a URL and a Durable Streams offset. To everybody else it is an opaque string.
 */
export interface LogPosition {
  /** Eight characters `[0-9a-z]`; sorts by the time the epoch began. */
  readonly epoch: string;
  /** Integer ≥ 0. Zero, or the number before an epoch's first entry, means "before everything". */
  readonly seq: number;
}

const POSITION = /^([0-9a-z]{8})_(\d{16})$/;
const EPOCH_LENGTH = 8;
const SEQ_DIGITS = 16;

export function formatPosition(position: LogPosition): string {
  return `${position.epoch}_${String(position.seq).padStart(SEQ_DIGITS, '0')}`;
}

/** Returns null for anything that no relay ever handed out. */
export function parsePosition(text: string): LogPosition | null {
  const match = POSITION.exec(text);
  if (!match?.[1] || !match[2]) return null;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1], seq } : null;
}

/** Eight base-36 digits hold Unix milliseconds until the year 2059. */
export function epochAt(unixMs: number): string {
  return Math.floor(unixMs).toString(36).padStart(EPOCH_LENGTH, '0').slice(-EPOCH_LENGTH);
}
