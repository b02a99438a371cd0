/**
 * What every subject carries: a JSON object of exactly `bytes` bytes, ASCII, that ends with the time at which it was to
 * be sent, in microseconds since 1970. It is the intended time, not the one at which the sender got round to it, so that
 * a sender that is held up counts against whoever holds it up.
 */
export const SENT_MARK = '"sentUs":"';
export const SENT_DIGITS = 16;

/** Fields as a real event has them: what it costs to parse one or to make it text again depends on their number. */
const HEAD =
  '{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","data":{"sequence":4711,"event":{"event_type":0,"entity":"/callcontrol/101/participants/12"}},"participant":{"id":12,"dn":"101","status":"Ringing"},"call":null,"pad":"';
const MIDDLE = '",';

export function createEvents(bytes: number): (sentUs: number) => string {
  const tail = (sentUs: number) => `${MIDDLE}${SENT_MARK}${sentUs}"}`;
  const pad = bytes - HEAD.length - tail(10 ** (SENT_DIGITS - 1)).length;
  if (pad < 0) throw new RangeError(`an event takes ${bytes - pad} bytes at least`);
  const start = HEAD + 'x'.repeat(pad);
  return sentUs => start + tail(Math.round(sentUs));
}

/** Microseconds since 1970, the same in all processes of one machine. */
export function nowUs(): number {
  return (performance.timeOrigin + performance.now()) * 1_000;
}
