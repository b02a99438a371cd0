import { Worker } from 'node:worker_threads';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { BcryptReply, BcryptRequest } from './bcrypt-worker.ts';

/**
 * bcrypt for API keys and admin passwords, off the event loop.
 *
 * One thread, started at the first request: a second one would only let strangers take a second core. The queue is
 * bounded because every entry costs a third of a second, and whoever waits longer than a request lives waits in vain.
 */
export interface PasswordHash {
  /** Two to the power of it is the number of rounds. */
  readonly cost: number;
  hash(text: string): Promise<string>;
  verify(text: string, hash: string): Promise<boolean>;
  /** Ends the thread; what still waits is rejected. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly resolve: (result: string | boolean) => void;
  readonly reject: (error: Error) => void;
}

type Work = { kind: 'hash'; text: string; cost: number } | { kind: 'verify'; text: string; hash: string };

const BCRYPT_COST = 12;
const MAX_WAITING = 32;

export function createPasswordHash(options: { cost?: number; maxWaiting?: number } = {}): PasswordHash {
  const cost = options.cost ?? BCRYPT_COST;
  const maxWaiting = options.maxWaiting ?? MAX_WAITING;
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let isStopped = false;
  let lastId = 0;

  function rejectAll(error: Error) {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function start(): Worker {
    const started = new Worker(new URL('./bcrypt-worker.ts', import.meta.url), { name: 'bcrypt', execArgv: [] });
    started.on('message', (reply: BcryptReply) => {
      const request = waiting.get(reply.id);
      waiting.delete(reply.id);
      // An idle thread must not keep a command such as `create` from ending.
      if (waiting.size === 0) started.unref();
      if (reply.result === null) request?.reject(new Error(`bcrypt refused its input: ${reply.error}`));
      else request?.resolve(reply.result);
    });
    const lose = (cause: unknown) => {
      if (worker !== started) return;
      worker = undefined;
      rejectAll(new OperatorError('BCRYPT_FAILED', 'the bcrypt thread ended unexpectedly, try again', { cause }));
    };
    started.on('error', lose);
    started.on('exit', lose);
    return started;
  }

  function ask(work: Work): Promise<string | boolean> {
    if (isStopped) return Promise.reject(new OperatorError('BCRYPT_STOPPED', 'the process is stopping'));
    if (waiting.size >= maxWaiting) {
      const message = `${waiting.size} password checks are waiting already, try again in a few seconds`;
      return Promise.reject(new OperatorError('BCRYPT_BUSY', message));
    }
    worker ??= start();
    lastId += 1;
    const request: BcryptRequest = { ...work, id: lastId };
    worker.ref();
    worker.postMessage(request);
    return new Promise((resolve, reject) => waiting.set(request.id, { resolve, reject }));
  }

  return {
    cost,
    hash: async text => String(await ask({ kind: 'hash', text, cost })),
    verify: async (text, hash) => (await ask({ kind: 'verify', text, hash })) === true,
    async stop() {
      isStopped = true;
      const ending = worker;
      worker = undefined;
      rejectAll(new OperatorError('BCRYPT_STOPPED', 'the process is stopping'));
      await ending?.terminate();
    },
  };
}
