import { randomBytes } from 'node:crypto';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { watchWrites } from '@3cx-relay/shared/errors/watch-writes.ts';
import { appendToLog, isFenced } from '@3cx-relay/shared/log/append.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { compareSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { SILENT_AFTER_MS } from '@3cx-relay/shared/runtime/silence.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import type { Registry } from 'prom-client';
import type { IngestConfig } from './config.ts';
import { createPbxControl } from './control/pbx-control.ts';
import { noteBegin, readEarlierRun } from './earlier-run.ts';
import { createIngestErrors } from './errors/ingest-errors.ts';
import { reportConnection } from './errors/report-connection.ts';
import { createIngestion } from './ingestion.ts';
import type { IngestLease } from './lease/ingest-lease.ts';
import { DurableLog } from './log/durable-log.ts';
import { createRecall } from './log/recall.ts';
import type { Spool } from './log/spool.ts';
import { connectPbx } from './pbx/connect-pbx.ts';
import { createRecoveryNotes } from './records/record-entry.ts';
import { reportIngestStatus } from './status.ts';

/**
 * One time of this process as the ingest that writes, from the moment it got the lease until it gives it back or has
 * lost it: everything that listens to the PBX, appends and executes commands belongs to one term and ends with it.
 */
export interface Term {
  readonly errors: ErrorSink;
  /** Resolves when the PBX is dialled, which waits for Redis; rejects when that cannot be, or the term was over before. */
  readonly begun: Promise<void>;
  readonly spoolBytes: number;
  readiness(): string[];
  /** Another ingest writes: nothing more is appended, and the PBX is left at once. `end` does the rest. */
  abandon(): void;
  end(): Promise<void>;
  /** The steps of a clean way down, in this order. */
  finishCommands(): Promise<void>;
  disconnect(): void;
  drain(): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface TermDeps {
  readonly run: string;
  readonly lease: Pick<IngestLease, 'isCertain' | 'confirm'>;
  /** Its own from here on. */
  readonly spool: Spool;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly logger: Logger;
  readonly registry: Registry;
}

const FLUSH_MS = 2_000;
const STEP_MS = 10_000;

export function beginTerm(config: IngestConfig, own: TermDeps): Term {
  const { run, lease, spool, redis, keys, logger, registry } = own;
  const over = new AbortController();
  const foreignMetrics = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const errors = createIngestErrors((channel, entry) => log.write(channel, entry));
  const deps = { logger, registry, errors };
  const recall = createRecall({ redis, keys, logger }, config.DATABASE_URL);
  const writerId = `ingest-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
  const log = new DurableLog(
    { writerId, maxSpoolBytes: config.SPOOL_MAX_BYTES, maxRestMs: config.INGEST_MAX_REST_MS },
    {
      append: async (channel, batch) => {
        over.signal.throwIfAborted();
        if (!lease.isCertain) await lease.confirm();
        await recall.done();
        try {
          return await appendToLog({ redis, keys, channel, run }, batch);
        } catch (error) {
          if (isFenced(error)) await lease.confirm();
          throw error;
        }
      },
      spool,
      ...deps,
    },
  );
  let parts: Awaited<ReturnType<typeof begin>> | null = null;
  const begun = begin().then(begunParts => {
    parts = begunParts;
    if (over.signal.aborted) return;
    parts.pbx.socket.start();
    // Nobody waits for it; it says by itself what it came to.
    parts.pbx.database.connect().catch(() => undefined);
  });
  begun.catch(() => undefined);

  async function begin() {
    // What an earlier process could not write comes before anything new.
    await orOver(log.direct());
    const audit = (record: AuditRecord) => log.write('audit', auditEntry(Date.now(), record));
    // Nobody waits for it: Redis may be away for long.
    void compareSettings({ redis, keys, logger, audit }, 'ingest', config);
    const lookBack = {
      lookBackMs: config.INGEST_RECORDS_DELAYS_MS.at(-1) ?? 0,
      maxEntries: config.INGEST_LOOK_BACK_ENTRIES,
    };
    const earlier = await readEarlierRun({ redis, keys }, { logger, signal: over.signal }, lookBack);
    over.signal.throwIfAborted();
    const pbx = connectPbx(config, deps);
    if (!earlier.isAny) {
      pbx.socket.subscribe(news => {
        // Without Redis what comes goes to the spool, which tells of itself.
        if (news.kind === 'open') noteBegin({ redis, keys }, news.at).catch(() => undefined);
      });
    }
    const ingestion = createIngestion(config, {
      pbx,
      log,
      earlier,
      readProjection: () => readSnapshot(redis, keys),
      cdr: pbx.cdr,
      notes: createRecoveryNotes(async fields => {
        // They are another's by then.
        if (!over.signal.aborted) await redis.hdel(keys.recovery, ...fields);
      }),
      ...deps,
    });
    const control = await createPbxControl(config, { pbx, ingestion, redis, keys, log, ...deps });
    const status = reportIngestStatus({ redis, keys }, () =>
      over.signal.aborted
        ? null
        : {
            state: pbx.socket.state,
            socketSince: isoOf(pbx.socket.openSince),
            lastFrameAt: isoOf(ingestion.lastFrameAt),
            spoolBytes: log.spoolBytes,
            logError: logError(),
            error: pbx.socket.error ?? ingestion.error,
            database: pbx.database.source,
            ...ingestion.facts,
            ...control.status,
          },
    );
    const writes = watchWrites(status, deps);
    return { pbx, ingestion, control, status, writes, connectionReport: reportConnection(pbx.socket, deps) };
  }

  /** Why what is written does not reach the log, as a sentence; null while it does. */
  function logError(): string | null {
    if (log.whySpooling !== null) {
      return redis.status === 'ready' ? `spooling: ${log.whySpooling}` : 'spooling: Redis is away';
    }
    const { unansweredForMs } = log;
    if (unansweredForMs < SILENT_AFTER_MS) return null;
    return `what was written has not been acknowledged for ${Math.round(unansweredForMs / 1_000)} s`;
  }

  async function orOver(work: Promise<void>): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => reject(over.signal.reason);
    over.signal.addEventListener('abort', stop);
    try {
      over.signal.throwIfAborted();
      await Promise.race([work, promise]);
    } finally {
      over.signal.removeEventListener('abort', stop);
    }
  }

  const term: Term = {
    errors,
    begun,
    get spoolBytes() {
      return log.spoolBytes;
    },
    readiness() {
      if (!parts) return ['starting'];
      const { pbx, status } = parts;
      const problem = logError();
      return [
        ...(pbx.socket.state === 'connected' ? [] : [pbx.socket.error ?? 'the PBX is not connected']),
        ...(problem === null ? [] : [status.refusal === null ? problem : 'spooling until Redis takes writes again']),
        ...status.reasons(),
      ];
    },
    abandon() {
      over.abort();
      log.abandon();
      term.disconnect();
    },
    async end() {
      over.abort();
      await begun.catch(() => undefined);
      term.disconnect();
      // Two may be signed in at the PBX for a moment; what asks it by the clock ends first.
      for (const step of [() => Promise.all([term.finishCommands(), term.drain()]), term.flush, term.close]) {
        await within<unknown>(STEP_MS, step()).catch(error =>
          logger.warn({ err: error }, 'the end of a term is not clean'),
        );
      }
      // The next term has its own of the same names.
      for (const { name } of registry.getMetricsAsArray()) {
        if (!foreignMetrics.has(name)) registry.removeSingleMetric(name);
      }
    },
    async finishCommands() {
      await parts?.control.finish();
    },
    disconnect() {
      parts?.connectionReport.stop();
      parts?.pbx.socket.stop();
    },
    async drain() {
      await parts?.ingestion.drain();
    },
    async flush() {
      errors.flush();
      await log.stop(FLUSH_MS);
    },
    async close() {
      parts?.writes.stop();
      await Promise.all([parts?.pbx.stop(), parts?.control.stop(), parts?.status.stop()]);
    },
  };
  return term;
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
