import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';

/**
 * One key that is wrong is everyday business, many in a minute are somebody who guesses or a client that nobody told of
 * its new key. Nothing of the keys is kept or told.
 */
const WINDOW_MS = 60_000;
const MANY = 30;

/** The function to call for each key, ticket or pass that was not valid. */
export function reportRejections(
  to: { logger: Logger; errors: ErrorSink },
  now: () => number = () => performance.now(),
): () => void {
  let windowFrom = now();
  let rejected = 0;
  return () => {
    if (now() - windowFrom >= WINDOW_MS) {
      windowFrom = now();
      rejected = 0;
    }
    rejected += 1;
    if (rejected !== MANY) return;
    const message =
      'many requests come with API keys that are not valid: a client may use a key that was revoked or has expired, or somebody guesses; the channel requests has the address';
    announce(to, {
      component: 'api_keys',
      severity: 'warning',
      message,
      details: { rejected, withinMs: Math.round(now() - windowFrom) },
    });
  };
}
