import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { StateSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Registry } from 'prom-client';
import { CallModel } from './call-model/call-model.ts';
import type { IngestConfig } from './config.ts';
import type { EarlierRun } from './earlier-run.ts';
import { Enricher } from './frames/enrich.ts';
import { OrderedWindow } from './frames/ordered-window.ts';
import { PbxFeed } from './frames/pbx-feed.ts';
import { Pipeline } from './frames/pipeline.ts';
import type { DurableLog } from './log/durable-log.ts';
import type { CdrSource } from './pbx/cdr.ts';
import type { PbxConnection } from './pbx/connect-pbx.ts';
import { type PbxFacts, watchPbxFacts } from './pbx/pbx-facts.ts';
import { QueueWatch } from './reconcile/queue-watch.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { SilenceWatch } from './reconcile/silence-watch.ts';
import type { RecoveryNotes } from './records/record-entry.ts';
import { Records } from './records/records.ts';

/** The way of a frame, put together: socket → feed → window with enricher → model → log. */
export interface Ingestion {
  readonly lastFrameAt: number | null;
  readonly facts: PbxFacts;
  /** Why the PBX does not show its calls, as a sentence; null when it does. */
  readonly error: string | null;
  /** Asks the PBX for nothing more, and resolves when everything that arrived is on its way into the log. */
  drain(): Promise<void>;
}

const REPUBLISH_RETRY = { firstMs: 200, maxMs: 5_000 };

export function createIngestion(
  config: IngestConfig,
  deps: {
    pbx: PbxConnection;
    log: DurableLog;
    earlier: EarlierRun;
    readProjection: () => Promise<StateSnapshot>;
    cdr: CdrSource;
    notes: RecoveryNotes;
    errors: ErrorSink;
    logger: Logger;
    registry: Registry;
  },
): Ingestion {
  const { pbx, log, logger, registry } = deps;
  const getDeadlineMs = config.INGEST_GET_DEADLINE_MS;
  const model = new CallModel({ graceMs: config.INGEST_END_GRACE_MS, asksQueues: true });
  model.load(deps.earlier.snapshot, Date.now());
  const facts = watchPbxFacts(pbx.xapi);
  const window = new OrderedWindow({ registry });
  const enricher = new Enricher(
    { concurrency: config.INGEST_GET_CONCURRENCY, deadlineMs: getDeadlineMs },
    { get: (of, signal) => pbx.api.getParticipant(of, signal), errors: deps.errors, registry },
  );
  const queues = new QueueWatch(
    { graceMs: config.INGEST_END_GRACE_MS, everyMs: config.INGEST_QUEUE_LOOK_MS },
    {
      queued: () => model.queued(),
      calls: () => model.calls,
      xapi: pbx.xapi,
      lineAnswers: () => pbx.socket.probe(),
      end: (queued, how) => pipeline.endInQueue(queued, how),
      logger,
      now: Date.now,
    },
  );
  const pipeline = new Pipeline(
    {
      maxFrames: config.INGEST_WINDOW_FRAMES,
      getDeadlineMs,
      graceMs: config.INGEST_END_GRACE_MS,
      sameMomentMs: config.INGEST_RECORDS_TOLERANCE_MS,
    },
    {
      model,
      window,
      enricher,
      write: (channel, entry) => log.write(channel, entry),
      onUnresolved: (reason, { dn, at, isUnknownCall }) => {
        if (reason === 'refused') return reconciler.refused(dn);
        reconciler.soon();
        if (isUnknownCall) records.unseen(at);
      },
      errors: deps.errors,
      lineAnswers: () => pbx.socket.probe(),
      queues,
      onCallEnded: call => records.ended(call),
      onSnapshot: snapshot => {
        records.snapshotTaken(snapshot.dns);
        silence.monitors(snapshot.dns);
        facts.snapshotTaken(snapshot.extensions ?? snapshot.dns);
      },
      registry,
    },
  );
  const records = new Records(
    {
      delaysMs: config.INGEST_RECORDS_DELAYS_MS,
      maxWaiting: config.INGEST_RECORDS_WAITING,
      giveUpAfterMs: config.INGEST_RECORDS_GIVE_UP_MS,
      toleranceMs: config.INGEST_RECORDS_TOLERANCE_MS,
    },
    {
      source: deps.cdr,
      write: entry => pipeline.enqueue(() => log.write('calls', entry)),
      openCalls: () => model.calls,
      earlier: deps.earlier,
      notes: deps.notes,
      errors: deps.errors,
      logger,
      registry,
    },
  );
  const reconciler = new Reconciler(
    {
      everyMs: config.INGEST_RECONCILE_MS,
      snapshotDeadlineMs: config.INGEST_SNAPSHOT_DEADLINE_MS,
      getDeadlineMs,
    },
    {
      api: pbx.api,
      pipeline,
      enricher,
      window,
      logger,
      errors: deps.errors,
      onSilence: () => pbx.socket.reconnect('open but silent: the PBX shows changes and sends no frames'),
    },
  );
  const feed = new PbxFeed({
    socket: pbx.socket,
    pipeline,
    reconciler,
    window,
    logger,
    earlier: deps.earlier,
    onOutage: outage => records.outage(outage),
    maxWindowBytes: config.INGEST_WINDOW_BYTES,
  });
  const silence = new SilenceWatch(
    { silenceMs: config.INGEST_SILENCE_MS },
    { socket: pbx.socket, xapi: pbx.xapi, lastFrameAt: () => feed.lastFrameAt, logger, errors: deps.errors },
  );
  log.watch({
    onRoom(hasRoom) {
      if (hasRoom) return pbx.socket.release();
      const message =
        'the spool file is full: the PBX is not read until Redis is back; raise SPOOL_MAX_BYTES or repair Redis';
      pipeline.report({ severity: 'critical', message, details: { spoolBytes: log.spoolBytes } });
      pbx.socket.hold(message);
    },
    onLogLost(channel) {
      if (channel !== 'calls') return;
      logger.error('the log was lost or rolled back: its state is written again');
      void republish();
    },
  });
  const stopping = new AbortController();
  async function republish(): Promise<void> {
    const backoff = createBackoff(REPUBLISH_RETRY);
    while (!stopping.signal.aborted) {
      try {
        const { calls, participants } = await deps.readProjection();
        const projection = { calls: Object.keys(calls), participants: Object.keys(participants) };
        return pipeline.enqueue(() => pipeline.republish(projection));
      } catch (error) {
        // Whoever asks for the active calls would be told of ended ones until then.
        logger.warn({ err: error }, 'the state could not be compared with Redis: it is tried again');
        await sleep(backoff.next(), stopping.signal);
      }
    }
  }
  return {
    get lastFrameAt() {
      return feed.lastFrameAt;
    },
    get facts() {
      return facts.current;
    },
    get error() {
      return reconciler.error;
    },
    async drain() {
      stopping.abort();
      silence.stop();
      records.stop();
      // A snapshot that a frozen PBX does not answer would keep what stands behind it from the log.
      reconciler.disconnected();
      await window.drained();
      pipeline.stop();
    },
  };
}
