import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { createOutageWatch } from '@3cx-relay/shared/errors/outage-watch.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import type { Tail } from '../live/tail.ts';

/** Says when the log or PostgreSQL is away from this instance. What is said of Redis waits in memory until it is back. */
export interface WatchedStores {
  readonly tail: Pick<Tail, 'silentForMs'>;
  /** Rejects when PostgreSQL does not answer. */
  readonly pingPostgres: () => Promise<unknown>;
}

const LOOK_EVERY_MS = 1_000;
const PING_EVERY_MS = 2_500;
const PING_WITHIN_MS = 2_000;
const POSTGRES_AWAY_MS = 5_000;

export function watchStores(
  stores: WatchedStores,
  to: { logger: Logger; errors: ErrorSink },
  postgresAwayMs: number = POSTGRES_AWAY_MS,
): { stop(): void } {
  const watches = [
    createOutageWatch({
      problem: () => (stores.tail.silentForMs() < SILENT_AFTER_MS ? null : 'the tail gets no answer'),
      everyMs: LOOK_EVERY_MS,
      tellAfterMs: 0,
      onOutage() {
        const message =
          'the log in Redis does not answer: no event reaches a client until it does, and none is lost; check Redis at REDIS_URL';
        announce(to, { component: 'redis', severity: 'critical', message });
      },
      onEnd: outageMs =>
        announce(to, {
          component: 'redis',
          severity: 'info',
          message: 'the log in Redis answers again, clients get what they missed',
          details: { outageMs: Math.round(outageMs) },
        }),
    }),
    createOutageWatch({
      problem: async () => {
        await within(PING_WITHIN_MS, stores.pingPostgres());
        return null;
      },
      everyMs: Math.min(PING_EVERY_MS, Math.max(50, postgresAwayMs / 2)),
      tellAfterMs: postgresAwayMs,
      onOutage(problem) {
        const message =
          'PostgreSQL does not answer: API keys that were seen before go on working, new ones and history do not; check PostgreSQL at DATABASE_URL';
        announce(to, { component: 'postgres', severity: 'critical', message, details: { problem } });
      },
      onEnd: outageMs =>
        announce(to, {
          component: 'postgres',
          severity: 'info',
          message: 'PostgreSQL answers the relay again',
          details: { outageMs: Math.round(outageMs) },
        }),
    }),
  ];
  return {
    stop() {
      for (const watch of watches) watch.stop();
    },
  };
}
