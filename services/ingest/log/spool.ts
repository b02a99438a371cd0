import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { sizeOf } from '@3cx-relay/shared/log/log-writer.ts';
import { type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';

/**
 * What the log could not take, on disk: one JSON line per entry with the writer's name and number, so that appending it
 * again, by this process or the next, writes it once.
 *
 * The file only grows while it is in use and is cut to nothing when everything in it is in the log. How far it was read
 * is not written down: after a crash it is read from the beginning, and the append script skips what it knows. A line
 * torn by a crash was never promised to anybody and is cut off.
 */
export interface SpooledEntry {
  readonly channel: Channel;
  readonly writerId: string;
  readonly writerSeq: number;
  readonly entry: NewEntry;
}

/** Entries of one writer and one channel with consecutive numbers: what one append takes. */
export interface SpooledBatch {
  readonly entries: readonly SpooledEntry[];
  /** File offset behind the last line of the batch. */
  readonly end: number;
}

export interface SpoolOptions {
  readonly folder: string;
  readonly name: string;
  readonly onError: (error: unknown) => void;
}

const READ_BYTES = 1024 * 1024;
const MAX_BATCH_ENTRIES = 500;
const RETRY_WRITE_MS = 1_000;
const NEWLINE = 0x0a;

export class Spool {
  readonly #file: FileHandle;
  readonly #onError: (error: unknown) => void;
  #size: number;
  #readOffset = 0;
  #waiting: SpooledEntry[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #unreadableLines = 0;
  #isHeld = false;
  /** A write broke off, and what it left in the file is still there. */
  #isTorn = false;
  #retry: NodeJS.Timeout | undefined;

  private constructor(file: FileHandle, size: number, onError: (error: unknown) => void) {
    this.#file = file;
    this.#size = size;
    this.#onError = onError;
  }

  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const path = join(options.folder, options.name);
    const file = await open(path, 'a+', 0o600);
    const size = await cutTornLine(file);
    return new Spool(file, size, options.onError);
  }

  /** Bytes on disk and on the way there. */
  get bytes(): number {
    return this.#size + this.#waitingBytes;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#waiting.length === 0;
  }

  /** Lines that no version of ours wrote; skipped while reading. */
  get unreadableLines(): number {
    return this.#unreadableLines;
  }

  add(entries: readonly SpooledEntry[]): void {
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#waitingBytes += sizeOf(entry.entry);
    }
    if (!this.#isHeld && this.#waiting.length > 0) this.#writing ??= this.#write();
  }

  /** The oldest entries on disk that were not read yet; null when there are none. */
  async read(): Promise<SpooledBatch | null> {
    let bytes = READ_BYTES;
    while (this.#readOffset < this.#size) {
      const length = Math.min(bytes, this.#size - this.#readOffset);
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await this.#file.read(buffer, 0, length, this.#readOffset);
      const chunk = buffer.subarray(0, bytesRead);
      if (!chunk.includes(NEWLINE)) {
        bytes *= 2;
        continue;
      }
      const batch = this.#takeBatch(chunk);
      if (batch) return batch;
    }
    return null;
  }

  /** The batch is in the log. */
  advance(batch: SpooledBatch): void {
    this.#readOffset = batch.end;
  }

  /**
   * The oldest of what did not reach the disk, as many as one append takes; empty when there are none. They go on waiting:
   * who appends them appends them again with the others, and the script skips what it knows.
   */
  firstWaiting(): readonly SpooledEntry[] {
    const first: SpooledEntry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      bytes += sizeOf(entry.entry);
      const isFull = first.length >= MAX_BATCH_ENTRIES || bytes > READ_BYTES;
      if (first.length > 0 && (isFull || !isNext(first, entry))) break;
      first.push(entry);
    }
    return first;
  }

  get isWriting(): boolean {
    return this.#writing !== null;
  }

  /** Resolves when the write under way, if any, has come to its end. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  get hasUnread(): boolean {
    return this.#readOffset < this.#size;
  }

  /** What never reached the disk, in order, and forgets it. Only while nothing is unread or being written. */
  takeWaiting(): SpooledEntry[] {
    const taken = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return taken;
  }

  /** Everything on disk is in the log. What is added meanwhile stays in memory, to be taken with `takeWaiting`. */
  async clear(): Promise<void> {
    this.#isHeld = true;
    try {
      await this.#file.truncate(0);
      this.#size = 0;
      this.#readOffset = 0;
    } catch (error) {
      this.#isHeld = false;
      this.add([]);
      throw error;
    }
    this.#isHeld = false;
  }

  async stop(): Promise<void> {
    this.add([]);
    await this.#writing;
    clearTimeout(this.#retry);
    await this.#file.close();
  }

  /** Group commit: one fsync for everything that came during the one before. */
  async #write(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const entries = this.#waiting.slice();
      const text = `${entries.map(toLine).join('\n')}\n`;
      try {
        await this.#mend();
        this.#isTorn = true;
        await this.#file.appendFile(text);
        await this.#file.datasync();
        this.#isTorn = false;
      } catch (error) {
        this.#onError(error);
        await this.#mend().catch(() => undefined);
        this.#retry = setTimeout(() => this.add([]), RETRY_WRITE_MS).unref();
        break;
      }
      this.#size += Buffer.byteLength(text);
      this.#waiting = this.#waiting.slice(entries.length);
      for (const { entry } of entries) this.#waitingBytes -= sizeOf(entry);
    }
    this.#writing = null;
  }

  /** Half a line in the middle would make the next one unreadable, too. */
  async #mend(): Promise<void> {
    if (!this.#isTorn) return;
    await this.#file.truncate(this.#size);
    this.#isTorn = false;
  }

  #takeBatch(chunk: Buffer): SpooledBatch | null {
    const entries: SpooledEntry[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const entry = parseLine(chunk.toString('utf8', start, end));
      const first = entries[0];
      if (entry && first && (!isNext(entries, entry) || entries.length >= MAX_BATCH_ENTRIES)) break;
      if (entry) entries.push(entry);
      else this.#unreadableLines += 1;
      start = end + 1;
    }
    const end = this.#readOffset + start;
    if (entries.length > 0) return { entries, end };
    this.#readOffset = end;
    return null;
  }
}

function isNext(entries: readonly SpooledEntry[], entry: SpooledEntry): boolean {
  const last = entries.at(-1);
  return (
    last !== undefined &&
    entry.channel === last.channel &&
    entry.writerId === last.writerId &&
    entry.writerSeq === last.writerSeq + 1
  );
}

function toLine({ channel, writerId, writerSeq, entry }: SpooledEntry): string {
  return JSON.stringify({ c: channel, w: writerId, n: writerSeq, e: entry });
}

function parseLine(line: string): SpooledEntry | null {
  try {
    const { c, w, n, e } = JSON.parse(line) as { c?: unknown; w?: unknown; n?: unknown; e?: unknown };
    if (typeof c !== 'string' || !isChannel(c) || typeof w !== 'string' || typeof n !== 'number') return null;
    if (typeof e !== 'object' || e === null || !('body' in e) || !('type' in e)) return null;
    return { channel: c, writerId: w, writerSeq: n, entry: e as NewEntry };
  } catch {
    return null;
  }
}

/** Cuts what stands behind the last line break; returns the size that is left. */
async function cutTornLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  let end = size;
  while (end > 0) {
    const length = Math.min(READ_BYTES, end);
    const buffer = Buffer.allocUnsafe(length);
    await file.read(buffer, 0, length, end - length);
    const newline = buffer.lastIndexOf(NEWLINE);
    if (newline >= 0) {
      end = end - length + newline + 1;
      break;
    }
    end -= length;
  }
  if (end < size) await file.truncate(end);
  return end;
}
