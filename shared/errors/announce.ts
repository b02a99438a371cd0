import type { Logger } from '../runtime/logger.ts';
import type { ErrorSink } from './error-sink.ts';
import type { Severity } from './severity.ts';

export interface News {
  readonly component: string;
  readonly severity: Severity;
  /** A sentence that says what to do. */
  readonly message: string;
  readonly details?: unknown;
}

const LEVEL = { critical: 'error', error: 'error', warning: 'warn', info: 'info' } as const;

/** In the log file and before the operator's eyes at once, for a place where the code has decided that both is due. */
export function announce(to: { readonly logger: Logger; readonly errors?: ErrorSink | undefined }, news: News): void {
  const { component, severity, message, details } = news;
  to.logger[LEVEL[severity]]({ component, ...(details === undefined ? {} : { details }) }, message);
  to.errors?.logError(component, severity, message, details);
}
