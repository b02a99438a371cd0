import type { LiveKeys } from '../keys/live-keys.ts';
import type { ApiKey } from '../keys/validation.ts';
import { ProblemError } from './problem-error.ts';

/**
 * Work for a request that may wait long: who waits gets nothing on a key that ended or was changed in the meantime, and
 * is told at once. `isEnded` lets the work stop too.
 *
 * @throws ProblemError
 */
export async function untilKeyEnds<Answer>(
  liveKeys: LiveKeys,
  key: ApiKey,
  work: (isEnded: () => boolean) => Promise<Answer>,
): Promise<Answer> {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  let isEnded = false;
  const unwatch = liveKeys.watch(key, ({ reconnect }) => {
    isEnded = true;
    ended.reject(
      reconnect
        ? new ProblemError('unavailable', 'what this API key may do was changed: ask again')
        : new ProblemError('unauthenticated', 'the API key was revoked or has expired'),
    );
  });
  try {
    return await Promise.race([work(() => isEnded), ended.promise]);
  } finally {
    unwatch();
  }
}
