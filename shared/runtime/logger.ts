import { type Logger, pino } from 'pino';
import { REDACTED, SECRET_NAMES } from './secrets.ts';

export type { Logger } from 'pino';

/** pino replaces their values at these depths. */
const REDACTED_PATHS = [
  ...SECRET_NAMES.flatMap(name => [name, `*.${name}`, `*.*.${name}`]),
  '*.headers["x-api-key"]',
  'headers["x-api-key"]',
];

/**
 * Writes to stdout at once. What pino buffers by default it writes while the process exits, and when nobody reads any
 * more it then tries for ever: a service whose supervisor had died ignored every SIGTERM.
 */
export function createLogger(options: { name: string; level: string }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      redact: { paths: REDACTED_PATHS, censor: REDACTED },
      formatters: { level: label => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
