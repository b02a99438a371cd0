import type { ServerResponse } from 'node:http';

/**
 * Calls back when an answer is over, however it ended; at once where it is already, because its client was gone before
 * anybody came to answer it: of that nothing is told a second time.
 */
export function whenOver(response: ServerResponse, callback: () => void): void {
  if (response.destroyed) callback();
  else response.once('close', callback);
}
