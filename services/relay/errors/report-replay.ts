import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { CatchUp } from '../live/catch-up.ts';

/** The same catch-up; the client is told by its closed connection, and the operator here. */
export function reportCatchUp(catchUp: CatchUp, errors: ErrorSink): CatchUp {
  return {
    blockAfter(channel, ring, cursor) {
      const found = catchUp.blockAfter(channel, ring, cursor);
      if (found instanceof Promise) {
        found.catch((error: unknown) => {
          const message = `a client could not be brought up to date on "${channel}" and has to reconnect: see whether Redis answers`;
          errors.logError('catch_up', 'error', message, { cursor, error });
        });
      }
      return found;
    },
  };
}
