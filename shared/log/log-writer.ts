import { createBackoff, sleep } from '../runtime/retry.ts';
import type { Channel } from '../wire/channels.ts';
import type { AppendBatch, Appended } from './append.ts';
import type { NewEntry } from './entry.ts';

/**
 * Group commit into one channel: one batch is in flight, and everything that arrives meanwhile is the next batch. The
 * slower Redis is, the larger the batches, so that throughput does not fall with latency. When something did arrive
 * meanwhile, more will: the next batch rests for a moment, because an append and its sync to disk cost Redis the same for
 * one entry as for five. Who comes alone waits for nobody.
 *
 * A batch whose answer never came may have been written or not. It is sent again unchanged, and the append script skips
 * what it knows; nothing else can keep order and write once at the same time.
 *
 * What waits is bounded in bytes: `write` then says false, and the caller decides (spool, drop, refuse). A caller that
 * wants the unwritten entries back, to keep them on disk, takes them with `takeUnacknowledged`.
 */
export interface NumberedEntry {
  /** Counts this writer's entries in this channel from 1. */
  readonly writerSeq: number;
  readonly entry: NewEntry;
}

export interface LogWriterOptions {
  readonly channel: Channel;
  readonly writerId: string;
  /** Usually `batch => appendToLog({ redis, keys, channel }, batch)`. */
  readonly append: (batch: AppendBatch) => Promise<Appended>;
  readonly maxWaitingBytes?: number;
  /** The longest rest before a batch that waits for company; 0 for none. */
  readonly maxRestMs?: number;
  readonly onAppended?: (appended: Appended, batch: AppendBatch) => void;
  /** Called for every failed attempt; taking the entries back from inside is allowed. */
  readonly onFailed?: (error: unknown, attempt: number) => void;
}

const MAX_BATCH_ENTRIES = 500;
const MAX_BATCH_BYTES = 1024 * 1024;
const DEFAULT_MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Times what the batch before took. */
const REST_FACTOR = 2;
const DEFAULT_MAX_REST_MS = 5;
/** Keys, numbers and list overhead of an entry, roughly; the bodies are what counts. */
const ENTRY_OVERHEAD_BYTES = 128;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #maxWaitingBytes: number;
  readonly #maxRestMs: number;
  #waiting: NumberedEntry[] = [];
  #inFlight: NumberedEntry[] = [];
  #inFlightSince = 0;
  #waitingBytes = 0;
  #nextWriterSeq = 1;
  #highestKnownSeq = 0;
  #running: Promise<void> | null = null;
  #stopping = new AbortController();

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? DEFAULT_MAX_WAITING_BYTES;
    this.#maxRestMs = options.maxRestMs ?? DEFAULT_MAX_REST_MS;
  }

  get writerId(): string {
    return this.#options.writerId;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Ms since the oldest entry that was not acknowledged was first sent; 0 while there is none. */
  get unansweredForMs(): number {
    return this.#inFlight.length === 0 ? 0 : performance.now() - this.#inFlightSince;
  }

  /** The highest log number seen acknowledged. */
  get highestKnownSeq(): number {
    return this.#highestKnownSeq;
  }

  /** False when there is no room: the entry was not taken. */
  write(entry: NewEntry): boolean {
    if (this.#waitingBytes >= this.#maxWaitingBytes || this.#stopping.signal.aborted) return false;
    this.#waiting.push(this.number(entry));
    this.#waitingBytes += sizeOf(entry);
    this.#running ??= this.#run();
    return true;
  }

  /** Gives an entry its number without writing it, for a caller that keeps it elsewhere and appends it itself. */
  number(entry: NewEntry): NumberedEntry {
    const numbered = { writerSeq: this.#nextWriterSeq, entry };
    this.#nextWriterSeq += 1;
    return numbered;
  }

  /** Takes back what was numbered but kept elsewhere; only while this writer holds nothing older or newer. */
  resume(entries: readonly NumberedEntry[]): void {
    if (entries.length === 0) return;
    this.#waiting.push(...entries);
    for (const { entry } of entries) this.#waitingBytes += sizeOf(entry);
    this.#running ??= this.#run();
  }

  /** Learns what was written past this writer, so that a roll-back is still recognised. */
  noteAppended(lastSeq: number): void {
    this.#highestKnownSeq = Math.max(this.#highestKnownSeq, lastSeq);
  }

  /**
   * Everything that was not acknowledged, in order, and forgets it; the batch in flight comes first and may have been
   * written. The caller must append them with these writer numbers before it lets this writer write again: the append
   * script takes whatever is numbered lower than the last it saw for a repetition.
   */
  takeUnacknowledged(): NumberedEntry[] {
    const taken = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    return taken;
  }

  /** Resolves when everything accepted so far is written, taken back or, after `stop`, given up. */
  async flush(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Writes what waits for at most `flushMs`, then gives up. False when something was left unwritten. */
  async stop(flushMs: number): Promise<boolean> {
    // Not longer, even when an append hangs in a Redis that froze: what it carries counts as not acknowledged.
    await Promise.race([this.flush(), sleep(flushMs, this.#stopping.signal)]);
    this.#stopping.abort();
    return this.#inFlight.length === 0 && this.#waiting.length === 0;
  }

  async #run(): Promise<void> {
    // A turn later: what one burst of events writes becomes one batch.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      this.#inFlight = this.#nextBatch();
      this.#inFlightSince = startedAt;
      await this.#writeBatch(this.#inFlight);
      await this.#rest(performance.now() - startedAt);
    }
    this.#running = null;
  }

  async #rest(costMs: number): Promise<void> {
    const isAlone = this.#waiting.length === 0;
    const isFull = this.#waiting.length >= MAX_BATCH_ENTRIES;
    const restMs = Math.min(costMs * REST_FACTOR, this.#maxRestMs);
    if (!isAlone && !isFull && restMs > 0) await sleep(restMs, this.#stopping.signal);
  }

  async #writeBatch(entries: NumberedEntry[]): Promise<void> {
    const backoff = createBackoff({ firstMs: 50, maxMs: 1_000 });
    const batch: AppendBatch = {
      writerId: this.#options.writerId,
      firstWriterSeq: entries[0]?.writerSeq ?? 1,
      entries: entries.map(numbered => numbered.entry),
      highestKnownSeq: this.#highestKnownSeq,
    };
    while (this.#inFlight === entries) {
      try {
        const appended = await this.#options.append(batch);
        this.noteAppended(appended.lastSeq);
        if (this.#inFlight === entries) this.#settle(entries);
        this.#options.onAppended?.(appended, batch);
        return;
      } catch (error) {
        this.#options.onFailed?.(error, backoff.attempts + 1);
        if (this.#inFlight !== entries || this.#stopping.signal.aborted) return;
        await sleep(backoff.next(), this.#stopping.signal);
        if (this.#stopping.signal.aborted) return;
      }
    }
  }

  #nextBatch(): NumberedEntry[] {
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#waiting) {
      bytes += sizeOf(entry);
      if (count > 0 && (count >= MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #settle(entries: readonly NumberedEntry[]): void {
    for (const { entry } of entries) this.#waitingBytes -= sizeOf(entry);
    this.#inFlight = [];
  }
}

/** Characters stand for bytes: the bound keeps memory in order of magnitude, and counting bytes costs a pass over each body. */
export function sizeOf(entry: NewEntry): number {
  let size = entry.body.length + ENTRY_OVERHEAD_BYTES;
  for (const change of entry.state ?? []) size += change.field.length + (change.value?.length ?? 0);
  return size;
}
