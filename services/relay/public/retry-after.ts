/** The value of `Retry-After` for a wait in ms: whole seconds, never too early. */
export function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
