import { type Logger, pino } from 'pino';
import { toDetails } from './details.ts';
import { redactText } from './secrets.ts';

export type { Logger } from 'pino';

/**
 * Writes to stdout at once. What pino buffers by default it writes while the process exits, and when nobody reads any
 * more it then tries for ever: a service whose supervisor had died ignored every SIGTERM.
 *
 * What is logged follows the rule of error entries (details.ts): without secrets and bounded, however deep they are. An
 * HTTP client hangs the whole request on its errors, with the headers and the body that it sent.
 */
export function createLogger(options: { name: string; level: string }): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      formatters: { level: label => ({ level: label }), log: toDetails },
      // It would take what `toDetails` has made of an error for one.
      serializers: { err: (converted: unknown) => converted },
      hooks: {
        logMethod(args, method) {
          const [first, ...others] = args as unknown[];
          const error = first instanceof Error ? first : (first as { err?: unknown } | undefined)?.err;
          // pino would take the message of an error that comes without another one, as it is.
          const texts = others.length === 0 && error instanceof Error ? [error.message] : others;
          const safe = [first, ...texts].map(arg => (typeof arg === 'string' ? redactText(arg) : arg));
          method.apply(this, safe as typeof args);
        },
      },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
