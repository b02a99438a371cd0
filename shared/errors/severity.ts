/**
 * How bad it is, the worst first; the words are the specification's.
 *
 * - `critical`: a service cannot function (no PostgreSQL, the PBX refuses the token)
 * - `error`: an operation failed and the service goes on
 * - `warning`: a sign of trouble (a retry succeeded, something is slow)
 * - `info`: worth knowing (a connection is back)
 */
export const SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;

export type Severity = (typeof SEVERITIES)[number];

export function isSeverity(name: unknown): name is Severity {
  return typeof name === 'string' && (SEVERITIES as readonly string[]).includes(name);
}
