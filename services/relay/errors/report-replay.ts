import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Replay } from '../replay/replay.ts';

/** The same replay; the client is told by its closed connection, and the operator here. */
export function reportReplay(replay: Replay, errors: ErrorSink): Replay {
  return {
    ...replay,
    blockAfter(channel, ring, cursor) {
      const found = replay.blockAfter(channel, ring, cursor);
      if (found instanceof Promise) {
        found.catch((error: unknown) => {
          const message = `a client could not be brought up to date on "${channel}" and has to reconnect: see whether Redis and PostgreSQL answer`;
          errors.logError('catch_up', 'error', message, { cursor, error });
        });
      }
      return found;
    },
  };
}
