import type { Logger } from '../runtime/logger.ts';
import type { StatusReporter } from '../runtime/status-reporter.ts';
import { announce } from './announce.ts';
import type { ErrorSink } from './error-sink.ts';
import { createOutageWatch, type OutageWatch } from './outage-watch.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Says that Redis refuses the writes of this process: in its own log at once, and in the channel of errors, which cannot
 * be written meanwhile, as soon as it can.
 */
export function watchWrites(
  status: Pick<StatusReporter, 'reasons'>,
  to: { readonly logger: Logger; readonly errors: ErrorSink },
): OutageWatch {
  return createOutageWatch({
    problem: () => status.reasons()[0] ?? null,
    everyMs: LOOK_EVERY_MS,
    // The reporter has waited already.
    tellAfterMs: 0,
    onOutage(problem) {
      const message = `${problem}; no event reaches a client until it takes them, and none is lost while there is room to wait`;
      announce(to, { component: 'redis', severity: 'critical', message });
    },
    onEnd: outageMs =>
      announce(to, {
        component: 'redis',
        severity: 'info',
        message: 'Redis takes writes again',
        details: { outageMs: Math.round(outageMs) },
      }),
  });
}
