import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import { type Encoding, encode, type Payload } from './encoding.ts';
import type { EntryAttributes, Filter } from './filter.ts';
import { frameHeaderLength, writeFrameHeader } from './text-frame.ts';

/**
 * A run of entries, framed once: all their WebSocket frames stand one behind the other in one buffer, so that a client
 * without a filter gets the whole run in one write of memory that all clients share. A client with a filter, or of
 * another transport, gets bytes that are made once for all clients with an equal filter and encoding.
 *
 * A block goes on after `after` and covers the numbers to `last`; those without an entry are in no store.
 */
export interface Block {
  readonly after: number;
  readonly last: number;
  /** What it holds in memory. */
  readonly bytes: number;
  /** Entries in it. */
  readonly size: number;
  /** Number of the first entry behind `cursor`; null when there is none. */
  firstBehind(cursor: number): number | null;
  /** What lies behind `cursor` and passes the filter, as far as `maxBytes` goes but at least one message. */
  select(cursor: number, wanted: Wanted): Selection;
  /** Forgets what was made for clients: the block is no longer the one that everybody gets. */
  release(): void;
  /** The entries behind `cursor`, one by one, for who looks at them himself. */
  behind(cursor: number): Iterable<FramedEntry & Payload>;
}

export interface Wanted {
  /** Null: everything. */
  readonly filter: Filter | null;
  readonly encoding: Encoding;
  readonly maxBytes: number;
}

export interface Selection {
  /** Null when nothing passed. */
  readonly bytes: Buffer | null;
  readonly count: number;
  /** Up to where the selection reaches, whether it passed or not. */
  readonly last: number;
}

/**
 * A crowd of clients with a filter of its own each shares nothing; remembering it would cost more than the entries. Of
 * what is shared by encodings, so many times the bytes of the entries.
 */
const MAX_SELECTIONS = 32;
const MAX_REMEMBERED = 3;

export type FramedEntry = EntryAttributes & Pick<LogEntry, 'seq' | 'at' | 'epoch'>;

export function createBlock(run: {
  after: number;
  last: number;
  entries: readonly LogEntry[];
  epochs: readonly EpochStart[];
}): Block {
  const texts = run.entries.map(entry => messageText(entry, run.epochs));
  const lengths = texts.map(text => Buffer.byteLength(text));
  const total = lengths.reduce((sum, length) => sum + frameHeaderLength(length) + length, 0);
  const frames = Buffer.allocUnsafeSlow(total);
  const ends: number[] = [];
  let offset = 0;
  for (const [index, text] of texts.entries()) {
    offset = writeFrameHeader(frames, offset, lengths[index] ?? 0);
    offset += frames.write(text, offset);
    ends.push(offset);
  }
  return new FramedBlock({ ...run, frames, ends, entries: run.entries.map(toAttributes) });
}

/** The body is not kept: it stands in the frame. */
function toAttributes({ seq, epoch, at, type, dn, call, event }: LogEntry): FramedEntry {
  return { seq, epoch, at, type, dn, call, event };
}

class FramedBlock implements Block {
  readonly after: number;
  readonly last: number;
  readonly #frames: Buffer;
  readonly #ends: readonly number[];
  readonly #entries: readonly FramedEntry[];
  /** Of the whole block, by encoding and filter; what begins in its middle is rare and not remembered. */
  readonly #selections = new Map<string, Selection>();
  #remembered = 0;

  constructor(parts: {
    after: number;
    last: number;
    frames: Buffer;
    ends: readonly number[];
    entries: readonly FramedEntry[];
  }) {
    this.after = parts.after;
    this.last = parts.last;
    this.#frames = parts.frames;
    this.#ends = parts.ends;
    this.#entries = parts.entries;
  }

  get bytes(): number {
    return this.#frames.length;
  }

  get size(): number {
    return this.#entries.length;
  }

  firstBehind(cursor: number): number | null {
    return this.#entries[this.#indexBehind(cursor)]?.seq ?? null;
  }

  select(cursor: number, wanted: Wanted): Selection {
    const isWhole = cursor <= this.after && this.#frames.length <= wanted.maxBytes;
    if (!isWhole) return this.#gather(this.#indexBehind(cursor), wanted);
    const key = `${wanted.encoding} ${wanted.filter?.key ?? ''}`;
    const known = this.#selections.get(key);
    if (known) return known;
    const selection = this.#gather(0, wanted);
    // That nothing passes is found out again as fast as it is looked up.
    if (selection.bytes && this.#selections.size < MAX_SELECTIONS) this.#remember(key, selection, selection.bytes);
    return selection;
  }

  #remember(key: string, selection: Selection, bytes: Buffer): void {
    const cost = key.length + (bytes.buffer === this.#frames.buffer ? 0 : bytes.length);
    if (this.#remembered + cost > MAX_REMEMBERED * this.#frames.length) return;
    this.#remembered += cost;
    this.#selections.set(key, selection);
  }

  release(): void {
    this.#remembered = 0;
    this.#selections.clear();
  }

  *behind(cursor: number): Iterable<FramedEntry & Payload> {
    for (let index = this.#indexBehind(cursor); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry) yield { ...entry, ...this.#payload(index) };
    }
  }

  /** From entry number `from` in the block on; bytes are counted as frames, which the other encodings resemble. */
  #gather(from: number, { filter, encoding, maxBytes }: Wanted): Selection {
    const indexes: number[] = [];
    let bytes = 0;
    let last = this.last;
    for (let index = from; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (!entry || (filter && !filter.matches(entry))) continue;
      const length = (this.#ends[index] ?? 0) - this.#startOf(index);
      if (bytes > 0 && bytes + length > maxBytes) {
        last = entry.seq - 1;
        break;
      }
      bytes += length;
      indexes.push(index);
    }
    return { bytes: this.#encode(indexes, encoding), count: indexes.length, last };
  }

  #encode(indexes: readonly number[], encoding: Encoding): Buffer | null {
    const [first] = indexes;
    const final = indexes.at(-1);
    if (first === undefined || final === undefined) return null;
    if (encoding !== 'frames')
      return encode(
        encoding,
        indexes.map(index => this.#payload(index)),
      );
    // An unbroken run of frames is what it is already; a small one that waits in a socket must not hold the whole block.
    if (final - first + 1 === indexes.length) {
      const run = this.#frames.subarray(this.#startOf(first), this.#ends[final]);
      return run.length * 2 < this.#frames.length ? Buffer.from(run) : run;
    }
    return Buffer.concat(indexes.map(index => this.#frames.subarray(this.#startOf(index), this.#ends[index])));
  }

  #payload(index: number): Payload {
    const start = this.#startOf(index);
    const end = this.#ends[index] ?? start;
    const entry = this.#entries[index];
    const text = this.#frames.subarray(start + headerLengthOf(end - start), end);
    return { text, id: entry ? formatPosition(entry) : null };
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] ?? 0);
  }

  /** Index of the first entry behind `cursor`, by bisection. */
  #indexBehind(cursor: number): number {
    if (cursor <= this.after) return 0;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.seq ?? 0) <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of a frame whose whole length is known. */
function headerLengthOf(frameBytes: number): number {
  if (frameBytes < 128) return 2;
  return frameBytes < 65_540 ? 4 : 10;
}
