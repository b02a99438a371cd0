import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import pg from 'pg';

/**
 * Notices what becomes of rows that this process remembers or acts by, whoever changes them: a trigger of PostgreSQL
 * notifies, and this listens on a connection of its own.
 *
 * A notification may be missed, because the connection was broken or never came past a pooler, so what it says is
 * never all there is: after each connect, and every now and then, all rows that are in use or remembered are read
 * again. A row is also read when something begins to hang on it (`check`): between the answer that let it in and its
 * being registered, the notification may have come and found nobody.
 */
export interface RowWatch<Id> {
  /** Reads the row again soon. */
  check(id: Id): void;
  stop(): Promise<void>;
}

export interface WatchedRows<Id> {
  /** In the plural, for people: `API keys`. */
  readonly what: string;
  /** Makes the connection one that is notified. */
  listen(client: pg.Client): Promise<void>;
  /** Null for what is no id: anybody with an account there may notify of anything. */
  parseId(payload: string): Id | null;
  /** The row was changed: what is known of it is true no more. */
  forget(id: Id): void;
  idsInUse(): Iterable<Id>;
  /** Reads these rows and acts on what became of them. */
  review(client: pg.Client, ids: readonly Id[]): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that froze says nothing, and so does the kernel: the sweep is what finds out. */
const QUERY_TIMEOUT_MS = 5_000;
const RECONNECT = { firstMs: 100, maxMs: 2_000 };
const STOP_MS = 500;
/** Who comes within this time is read together with the others. */
const GATHER_MS = 20;

export function watchRows<Id>(
  rows: WatchedRows<Id>,
  options: { databaseUrl: string; sweepMs: number },
  logger: Logger,
): RowWatch<Id> {
  const stopping = new AbortController();
  const backoff = createBackoff(RECONNECT);
  const waiting = new Set<Id>();
  let wake: () => void = () => undefined;

  function check(id: Id): void {
    waiting.add(id);
    wake();
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
      const id = rows.parseId(payload ?? '');
      if (id === null) return;
      rows.forget(id);
      check(id);
    });
    await client.connect();
    await rows.listen(client);
    let isSweep = true;
    while (!isLost && !stopping.signal.aborted) {
      const ids = isSweep ? [...new Set([...rows.idsInUse(), ...waiting])] : [...waiting];
      waiting.clear();
      await rows.review(client, ids);
      backoff.reset();
      await sleep(GATHER_MS, stopping.signal);
      const isToWait = !isLost && !stopping.signal.aborted && waiting.size === 0;
      isSweep = isToWait && (await isQuietFor(options.sweepMs));
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
        application_name: `relay watches ${rows.what}`,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        query_timeout: QUERY_TIMEOUT_MS,
        keepAlive: true,
      });
      const cause = await follow(client).catch((error: unknown) => error);
      void client.end().catch(() => undefined);
      if (stopping.signal.aborted) return;
      const level = backoff.attempts === 0 ? 'warn' : 'debug';
      logger[level]({ err: cause }, `changes of ${rows.what} are not noticed at once until PostgreSQL answers again`);
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
