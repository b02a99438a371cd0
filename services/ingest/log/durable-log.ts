import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { AppendBatch, Appended } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { traceBatch } from '@3cx-relay/shared/runtime/tracing.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Spool, SpooledEntry } from './spool.ts';

/**
 * The way into the log that never says no: straight to Redis while it answers, to the spool file while it does not, and
 * in order either way.
 *
 * It is in one of two modes. Direct: entries go through the writers. Spooling, from the first failed append on: what was
 * not acknowledged and everything new goes to the file, and one loop appends the file from its beginning. The mode goes
 * back when the file is in the log, in the same turn in which the last entries that never reached the disk are handed
 * to the writers, so that nothing can slip in between.
 */
export interface DurableLogOptions {
  readonly writerId: string;
  readonly maxSpoolBytes: number;
  /** See LogWriter. */
  readonly maxRestMs: number;
}

export interface DurableLogDeps {
  readonly append: (channel: Channel, batch: AppendBatch) => Promise<Appended>;
  readonly spool: Spool;
  readonly logger: Logger;
  readonly errors?: ErrorSink;
  readonly registry: Registry;
}

export interface DurableLogWatcher {
  /** The spool is full (stop reading the PBX) or in use no more (go on). */
  readonly onRoom: (hasRoom: boolean) => void;
  /** An append found that the log had been lost or rolled back, and the projection with it. */
  readonly onLogLost: (channel: Channel) => void;
}

const RETRY = { firstMs: 100, maxMs: 2_000 };
const LAST_APPEND_MS = 500;
const CATCHING_UP = 'what waited on disk is being written first';

export class DurableLog {
  readonly #options: DurableLogOptions;
  readonly #deps: DurableLogDeps;
  readonly #writers = new Map<Channel, LogWriter>();
  /** Of what was last acknowledged. */
  readonly #epochs = new Map<Channel, string>();
  readonly #stopping = new AbortController();
  readonly #entries: Counter<'channel'>;
  readonly #batchSize: Histogram;
  readonly #latency: Histogram;
  #mode: 'direct' | 'spooling' = 'direct';
  #whySpooling = CATCHING_UP;
  #hasRoom = true;
  #watcher: DurableLogWatcher | null = null;
  #draining: Promise<void> | null = null;
  readonly #direct: (() => void)[] = [];
  #isClosed = false;

  constructor(options: DurableLogOptions, deps: DurableLogDeps) {
    this.#options = options;
    this.#deps = deps;
    const registers = [deps.registry];
    this.#entries = new Counter({
      name: 'relay_log_entries_total',
      help: 'Entries acknowledged by the log',
      labelNames: ['channel'],
      registers,
    });
    this.#batchSize = new Histogram({
      name: 'relay_log_batch_entries',
      help: 'Entries in one append',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
      registers,
    });
    this.#latency = new Histogram({
      name: 'relay_log_append_seconds',
      help: 'Time until Redis acknowledged one append',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    const spoolBytes = () => deps.spool.bytes;
    new Gauge({
      name: 'relay_ingest_spool_bytes',
      help: 'Bytes that wait in the spool file for Redis',
      registers,
      collect() {
        this.set(spoolBytes());
      },
    });
    if (!deps.spool.isEmpty) {
      this.#mode = 'spooling';
      this.#draining = this.#drain();
    }
  }

  watch(watcher: DurableLogWatcher): void {
    this.#watcher = watcher;
  }

  /** As a half sentence; null while it does not spool. */
  get whySpooling(): string | null {
    return this.#mode === 'spooling' ? this.#whySpooling : null;
  }

  /** Ms since the oldest entry was sent that is neither acknowledged nor spooled; 0 while there is none. */
  get unansweredForMs(): number {
    return Math.max(0, ...[...this.#writers.values()].map(writer => writer.unansweredForMs));
  }

  get spoolBytes(): number {
    return this.#deps.spool.bytes;
  }

  write(channel: Channel, entry: NewEntry): void {
    if (this.#isClosed) return;
    const writer = this.#writerOf(channel);
    if (this.#mode === 'direct') {
      if (writer.write(entry)) return;
      this.#startSpooling(`more than ${writer.waitingBytes} bytes wait for Redis`);
    }
    this.#deps.spool.add([{ channel, writerId: writer.writerId, ...writer.number(entry) }]);
    this.#checkRoom();
  }

  /** Resolves when the spool of an earlier process is in the log. */
  async direct(): Promise<void> {
    if (this.#mode === 'direct') return;
    await new Promise<void>(resolve => this.#direct.push(resolve));
  }

  /**
   * Nothing more goes into the log, where another ingest writes now: what is not acknowledged, and everything new, goes to
   * the spool file. Where it goes from there says superseded-spool.ts.
   */
  abandon(): void {
    this.#stopping.abort();
    this.#mode = 'spooling';
    this.#whySpooling = 'another ingest writes';
    for (const [channel, writer] of this.#writers) this.#spoolUnacknowledged(channel, writer);
  }

  /** Writes what waits to Redis within `flushMs`, and what then still waits to the spool: nothing accepted is lost. */
  async stop(flushMs: number): Promise<void> {
    if (this.#mode === 'direct') await Promise.all([...this.#writers.values()].map(writer => writer.stop(flushMs)));
    this.#stopping.abort();
    // An append of the spool that hangs is not waited for: what it wrote, the next process skips.
    await Promise.race([this.#draining, sleep(LAST_APPEND_MS)]);
    for (const [channel, writer] of this.#writers) this.#spoolUnacknowledged(channel, writer);
    this.#isClosed = true;
    await this.#deps.spool.stop();
  }

  #writerOf(channel: Channel): LogWriter {
    let writer = this.#writers.get(channel);
    if (!writer) {
      writer = new LogWriter({
        channel,
        writerId: this.#options.writerId,
        maxRestMs: this.#options.maxRestMs,
        append: batch => this.#append(channel, batch),
        onFailed: error => {
          if (this.#mode === 'direct' && !this.#stopping.signal.aborted) this.#startSpooling(messageOf(error));
        },
      });
      this.#writers.set(channel, writer);
    }
    return writer;
  }

  async #append(channel: Channel, batch: AppendBatch): Promise<Appended> {
    const startedAt = performance.now();
    const span = traceBatch('log.append', channel, batch.entries);
    const appended = await this.#deps.append(channel, batch).finally(() => span?.end());
    this.#latency.observe((performance.now() - startedAt) / 1_000);
    this.#batchSize.observe(batch.entries.length);
    this.#entries.inc({ channel }, batch.entries.length - appended.skipped);
    if (this.#isLost(channel, batch, appended)) this.#watcher?.onLogLost(channel);
    return appended;
  }

  /** An answer that never came may be the one that told of it: the epoch tells again. */
  #isLost(channel: Channel, batch: AppendBatch, { epoch, beganEpoch, lastSeq }: Appended): boolean {
    const before = this.#epochs.get(channel);
    this.#epochs.set(channel, epoch);
    if (before !== undefined) return before !== epoch;
    // The very first batch of a new log begins an epoch, too, but at number 1.
    return beganEpoch && lastSeq > batch.entries.length;
  }

  #startSpooling(why: string): void {
    this.#mode = 'spooling';
    this.#whySpooling = why;
    const message =
      'the log cannot be written: entries go to the spool file until it can; check Redis at REDIS_URL, nothing is lost until SPOOL_MAX_BYTES';
    // A turn later: the announcement is an entry, too, and must not overtake those that are on their way to the file.
    queueMicrotask(() => announce(this.#deps, { component: 'log', severity: 'critical', message, details: { why } }));
    for (const [channel, writer] of this.#writers) this.#spoolUnacknowledged(channel, writer);
    this.#draining ??= this.#drain();
  }

  #spoolUnacknowledged(channel: Channel, writer: LogWriter): void {
    const { writerId } = writer;
    this.#deps.spool.add(writer.takeUnacknowledged().map(numbered => ({ channel, writerId, ...numbered })));
  }

  async #drain(): Promise<void> {
    const { spool, logger } = this.#deps;
    const backoff = createBackoff(RETRY);
    let appended = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        await spool.settled();
        const onDisk = await spool.read();
        // Where the disk takes nothing, an empty file does not say that the log can be written: what waits in memory does.
        const batch = onDisk?.entries ?? (appended === 0 ? spool.firstWaiting() : []);
        if (batch.length > 0) {
          await this.#appendSpooled(batch);
          if (onDisk) spool.advance(onDisk);
          appended += batch.length;
          this.#whySpooling = CATCHING_UP;
          backoff.reset();
        } else if (!spool.isWriting && !spool.hasUnread && !this.#stopping.signal.aborted) {
          await spool.clear();
          if (spool.isWriting || this.#stopping.signal.aborted) continue;
          this.#goDirect();
          const details = { entries: appended };
          const message = 'the log is written again, and everything from the spool file is in it';
          return announce(this.#deps, { component: 'log', severity: 'info', message, details });
        }
      } catch (error) {
        this.#whySpooling = messageOf(error);
        logger.debug({ err: error }, 'the spool file has to wait');
        await sleep(backoff.next(), this.#stopping.signal);
      }
    }
  }

  async #appendSpooled(entries: readonly SpooledEntry[]): Promise<void> {
    const first = entries[0];
    if (!first) return;
    const writer = this.#writerOf(first.channel);
    const appended = await this.#append(first.channel, {
      writerId: first.writerId,
      firstWriterSeq: first.writerSeq,
      entries: entries.map(spooled => spooled.entry),
      highestKnownSeq: writer.highestKnownSeq,
    });
    writer.noteAppended(appended.lastSeq);
  }

  #goDirect(): void {
    this.#mode = 'direct';
    this.#draining = null;
    for (const { channel, writerSeq, entry } of this.#deps.spool.takeWaiting()) {
      this.#writerOf(channel).resume([{ writerSeq, entry }]);
    }
    this.#checkRoom();
    for (const resolve of this.#direct.splice(0)) resolve();
  }

  #checkRoom(): void {
    const hasRoom = this.#mode === 'direct' || this.#deps.spool.bytes < this.#options.maxSpoolBytes;
    if (hasRoom === this.#hasRoom || (hasRoom && this.#mode === 'spooling')) return;
    this.#hasRoom = hasRoom;
    this.#watcher?.onRoom(hasRoom);
  }
}
