/**
 * A call id begins with the time of the first sight in eight digits of base 36, Unix ms, and never changes. So it says
 * where the call is stored, and ids sort by that time.
 */
const CALL_ID = /^([0-9a-z]{8})-[\x21-\x7e]{1,48}$/;

/** Unix ms; null for what is no call id of ours. */
export function firstSightOf(callId: string): number | null {
  const [, sight] = CALL_ID.exec(callId) ?? [];
  return sight === undefined ? null : Number.parseInt(sight, 36);
}
