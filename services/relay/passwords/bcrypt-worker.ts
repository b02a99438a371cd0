import { parentPort } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcryptjs';

/**
 * Runs in a thread of its own: at cost 12 bcrypt computes for a third of a second, during which the event loop of the
 * relay would deliver nothing. One request at a time, answered in order.
 */
export type BcryptRequest =
  | { readonly kind: 'hash'; readonly id: number; readonly text: string; readonly cost: number }
  | { readonly kind: 'verify'; readonly id: number; readonly text: string; readonly hash: string };

export interface BcryptReply {
  readonly id: number;
  readonly result: string | boolean | null;
  /** Present when bcrypt refused its input, for example a hash that is none. */
  readonly error?: string;
}

function answer(request: BcryptRequest): BcryptReply {
  try {
    const result =
      request.kind === 'hash' ? hashSync(request.text, request.cost) : compareSync(request.text, request.hash);
    return { id: request.id, result };
  } catch (error) {
    return { id: request.id, result: null, error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (request: BcryptRequest) => parentPort?.postMessage(answer(request)));
