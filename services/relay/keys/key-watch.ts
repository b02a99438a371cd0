import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { listenToApiKeys, selectApiKeysById } from '@3cx-relay/shared/store/api-keys.ts';
import pg from 'pg';
import type { APIKeyManager } from './api-key-manager.ts';
import { isKeyId } from './key-input.ts';
import type { LiveKeys } from './live-keys.ts';
import { toValidation } from './validation.ts';

/**
 * Notices what becomes of keys, whoever changes them: a trigger of PostgreSQL notifies, and this listens on a
 * connection of its own.
 *
 * A notification may be missed, because the connection was broken or never came past a pooler, so what it says is
 * never all there is: after each connect, and every now and then, all keys that are in use or remembered are read
 * again. A key is also read when a connection is opened with it: between the answer that let it in and its being
 * registered, the notification may have come and found nobody.
 */
export interface KeyWatch {
  /** Reads the key again soon. */
  check(keyId: number): void;
  stop(): Promise<void>;
}

export interface KeyWatchDeps {
  readonly keys: Pick<APIKeyManager, 'forgetKey' | 'learn' | 'rememberedKeyIds'>;
  readonly live: Pick<LiveKeys, 'keyIds' | 'review'>;
  readonly logger: Logger;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that froze says nothing, and so does the kernel: the sweep is what finds out. */
const QUERY_TIMEOUT_MS = 5_000;
const RECONNECT = { firstMs: 100, maxMs: 2_000 };
const STOP_MS = 500;

export function watchKeys(deps: KeyWatchDeps, options: { databaseUrl: string; sweepMs: number }): KeyWatch {
  const { keys, live, logger } = deps;
  const stopping = new AbortController();
  const backoff = createBackoff(RECONNECT);
  const waiting = new Set<number>();
  let wake: () => void = () => undefined;

  function check(keyId: number): void {
    waiting.add(keyId);
    wake();
  }

  async function review(client: pg.Client, ids: readonly number[]): Promise<void> {
    const rows = new Map((await selectApiKeysById(client, ids)).map(row => [row.id, row]));
    for (const id of ids) {
      const validation = toValidation(rows.get(id));
      keys.learn(id, validation);
      live.review(id, validation);
    }
  }

  /** Comes back when the connection is lost or the process stops. @throws what the connection throws */
  async function follow(client: pg.Client): Promise<void> {
    let isLost = false;
    const lose = () => {
      isLost = true;
      wake();
    };
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ payload }) => {
      const keyId = Number(payload);
      // Anybody with an account there may notify of anything.
      if (!isKeyId(keyId)) return;
      keys.forgetKey(keyId);
      check(keyId);
    });
    await client.connect();
    await listenToApiKeys(client);
    let isSweep = true;
    while (!isLost && !stopping.signal.aborted) {
      const ids = isSweep ? [...new Set([...keys.rememberedKeyIds(), ...live.keyIds(), ...waiting])] : [...waiting];
      waiting.clear();
      await review(client, ids);
      backoff.reset();
      isSweep = !isLost && waiting.size === 0 && (await isQuietFor(options.sweepMs));
    }
  }

  /** False as soon as somebody calls `wake`. */
  async function isQuietFor(ms: number): Promise<boolean> {
    const woken = Promise.withResolvers<boolean>();
    const timer = setTimeout(woken.resolve, ms, true);
    wake = () => woken.resolve(false);
    const isQuiet = await woken.promise;
    clearTimeout(timer);
    return isQuiet;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const client = new pg.Client({
        connectionString: options.databaseUrl,
        application_name: 'relay key watch',
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        query_timeout: QUERY_TIMEOUT_MS,
        keepAlive: true,
      });
      const cause = await follow(client).catch((error: unknown) => error);
      void client.end().catch(() => undefined);
      if (stopping.signal.aborted) return;
      const level = backoff.attempts === 0 ? 'warn' : 'debug';
      logger[level]({ err: cause }, 'changes of API keys are not noticed at once until PostgreSQL answers again');
      await sleep(backoff.next(), stopping.signal);
    }
  }

  const running = run();

  return {
    check,
    async stop() {
      stopping.abort();
      wake();
      await Promise.race([running, sleep(STOP_MS)]);
    },
  };
}
