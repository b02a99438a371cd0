import type { Severity } from './severity.ts';

/**
 * Where a part of a service says what an operator must see. Takes it as an optional dependency
 * (`errors?: ErrorSink`), so that the part runs without one in a test or a command line.
 *
 * `component` is a short word of a closed set: `database`, `xapi`, `websocket`, `callcontrol`, `log`, `postgres`,
 * `redis`, `persist`, … `message` is a sentence that says what to do. `details` may be anything: an Error in it is kept
 * with its code and its causes, secrets are redacted, what is too large is cut. Never throws.
 */
export interface ErrorSink {
  logError(component: string, severity: Severity, message: string, details?: unknown): void;
}
