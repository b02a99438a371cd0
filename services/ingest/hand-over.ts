import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { type AppendBatch, appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { LeaseHolder } from '@3cx-relay/shared/log/ingest-lease.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { Registry } from 'prom-client';
import type { IngestConfig } from './config.ts';
import { spoolUnwritable } from './errors/ingest-errors.ts';
import type { IngestLease } from './lease/ingest-lease.ts';
import type { LeaseOwner } from './lease/lease-owner.ts';
import { Spool } from './log/spool.ts';
import { clearSuperseded, type Superseded } from './log/superseded-spool.ts';
import { beginTerm, type Term } from './term.ts';

/**
 * From standby to writer and back, one step after the other: a term begins when the one before has ended and nothing of
 * it is left in the spool file. Only the leaving of the log and of the PBX is done in the turn in which the loss is learned.
 */
export interface HandOver {
  /** Null while this ingest stands by. */
  readonly term: Term | null;
  /** Of the term, or while there is none straight into the log. */
  readonly errors: ErrorSink;
  /** Resolves when it is said whether this ingest writes, and when it does, is begun. */
  readonly decided: Promise<void>;
  /** Rejects when a term cannot begin. */
  readonly failed: Promise<never>;
  /** Takes part in no further change. */
  stop(): void;
}

export interface HandOverDeps {
  readonly lease: IngestLease;
  readonly owner: LeaseOwner;
  /** Name of this machine, for people. */
  readonly host: string;
  /** Where there is no term. */
  readonly errors: ErrorSink;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly logger: Logger;
  readonly registry: Registry;
}

const RETRY = { firstMs: 100, maxMs: 2_000 };

export function createHandOver(config: IngestConfig, deps: HandOverDeps): HandOver {
  const { lease, owner, redis, keys, logger } = deps;
  const stopping = new AbortController();
  const decided = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let term: Term | null = null;
  let line: Promise<void> = Promise.resolve();
  const errors: ErrorSink = {
    logError: (...error) => (term?.errors ?? deps.errors).logError(...error),
  };
  const to = { logger, errors };

  const openSpool = () =>
    Spool.open({
      folder: config.SPOOL_DIR,
      name: `ingest-${config.PBX_ID}.jsonl`,
      onError: error => announce(to, spoolUnwritable(error)),
    });

  const inLine = (step: () => Promise<void>) => {
    line = line
      .then(async () => {
        if (!stopping.signal.aborted) await step();
      })
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return;
        decided.reject(error);
        failed.reject(error);
      });
  };

  async function setAside(spool: Spool): Promise<void> {
    if (!spool.isEmpty) tellDropped(await clearSuperseded(spool, appendSometime));
  }

  /** Of what nobody else has written; no lease is needed for it. */
  async function appendSometime(channel: Channel, batch: AppendBatch): Promise<void> {
    const backoff = createBackoff(RETRY);
    for (;;) {
      try {
        await appendToLog({ redis, keys, channel }, batch);
        return;
      } catch (error) {
        logger.debug({ err: error }, 'what is left in the spool file has to wait');
        await sleep(backoff.next(), stopping.signal);
        stopping.signal.throwIfAborted();
      }
    }
  }

  function tellDropped({ dropped, from, to: until }: Superseded): void {
    if (dropped === 0) return;
    const message =
      'entries that waited here for Redis were dropped: another ingest writes the log, it has told them or the gap they lie in';
    announce(to, {
      component: 'ingest',
      severity: 'warning',
      message,
      details: { dropped, from: isoOf(from), to: isoOf(until) },
    });
  }

  async function begin(granted: { term: string; run: string; before: string | null }): Promise<void> {
    const isStill = () => lease.isHolder && lease.run === granted.run;
    if (!isStill()) return;
    const spool = await openSpool();
    // A folder without a term is that of a version that knew none.
    const isSuperseded = owner.term === null ? granted.before !== null : owner.term !== granted.term;
    if (isSuperseded) await setAside(spool);
    if (!isStill() || stopping.signal.aborted) return spool.stop();
    owner.keepTerm(granted.term);
    term = beginTerm(config, { ...deps, run: granted.run, spool });
    if (granted.before !== null) tellTakeOver(granted.before);
    try {
      await term.begun;
    } catch (error) {
      if (isStill()) throw error;
    }
    decided.resolve();
  }

  function tellTakeOver(before: string): void {
    announce(to, {
      component: 'ingest',
      severity: 'warning',
      message: 'this ingest has taken over from another one: what nobody heard in between is announced as a gap',
      details: { from: before, by: deps.host },
    });
  }

  async function standBy(holder: LeaseHolder | null): Promise<void> {
    const left = term;
    if (left) {
      await left.end();
      term = null;
    }
    const message = left
      ? 'this ingest has lost the lease and stands by: another one writes the log'
      : 'this ingest stands by: another one writes the log';
    announce(to, { component: 'ingest', severity: left ? 'warning' : 'info', message, details: { holder } });
    decided.resolve();
    const spool = await openSpool();
    await setAside(spool);
    await spool.stop();
  }

  lease.start({
    onTaken: granted => inLine(() => begin(granted)),
    onStandby(holder) {
      term?.abandon();
      inLine(() => standBy(holder));
    },
  });

  return {
    get term() {
      return term;
    },
    errors,
    decided: decided.promise,
    failed: failed.promise,
    stop: () => stopping.abort(),
  };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
