import type { Channel } from '../wire/channels.ts';
import type { RelayApi } from './relay-api.ts';
import { RelayError } from './relay-error.ts';

/**
 * A refused upgrade looks to a WebSocket like any lost connection; a plain request with the same key says which of the
 * two it is. Null when it is neither refused nor put off: then the connection was lost.
 */
export async function findRefusal(api: RelayApi, channel: Channel, signal: AbortSignal): Promise<RelayError | null> {
  try {
    await api.page({ channel, order: 'desc', limit: 1 }, { signal });
    return null;
  } catch (error) {
    return error instanceof RelayError && error.status !== undefined ? error : null;
  }
}
