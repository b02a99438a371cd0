import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import type { EntryAttributes, Filter } from './filter.ts';
import { frameHeaderLength, writeFrameHeader } from './text-frame.ts';

/**
 * A run of entries, framed once: all their WebSocket frames stand one behind the other in one buffer, so that a client
 * without a filter gets the whole run in one write of memory that all clients share. A client with a filter gets the
 * frames that match, gathered once for all clients with an equal filter.
 *
 * A block continues its channel after `after` and reaches to `last`; numbers between entries may be missing where an
 * epoch begins.
 */
export interface Block {
  readonly after: number;
  readonly last: number;
  readonly bytes: Buffer;
  readonly size: number;
  /** The frames behind number `cursor` that pass `filter` (null: all); null when there are none. */
  select(cursor: number, filter: Filter | null): Selection | null;
}

export interface Selection {
  readonly bytes: Buffer;
  readonly count: number;
}

export function createBlock(after: number, entries: readonly LogEntry[], epochs: readonly EpochStart[]): Block {
  const texts = entries.map(entry => messageText(entry, epochs));
  const lengths = texts.map(text => Buffer.byteLength(text));
  const total = lengths.reduce((sum, length) => sum + frameHeaderLength(length) + length, 0);
  const bytes = Buffer.allocUnsafeSlow(total);
  const ends: number[] = [];
  let offset = 0;
  for (const [index, text] of texts.entries()) {
    offset = writeFrameHeader(bytes, offset, lengths[index] ?? 0);
    offset += bytes.write(text, offset);
    ends.push(offset);
  }
  return new FramedBlock({
    after,
    last: entries.at(-1)?.seq ?? after,
    bytes,
    ends,
    entries: entries.map(toAttributes),
  });
}

type FramedEntry = EntryAttributes & { readonly seq: number };

/** The body is not kept: it stands in the frame. */
function toAttributes({ seq, type, dn, call, event }: LogEntry): FramedEntry {
  return { seq, type, dn, call, event };
}

class FramedBlock implements Block {
  readonly after: number;
  readonly last: number;
  readonly bytes: Buffer;
  readonly #ends: readonly number[];
  readonly #entries: readonly FramedEntry[];
  /** By filter key, for the whole block; replays from the middle are rare and not remembered. */
  readonly #selections = new Map<string, Selection | null>();

  constructor(parts: {
    after: number;
    last: number;
    bytes: Buffer;
    ends: readonly number[];
    entries: readonly FramedEntry[];
  }) {
    this.after = parts.after;
    this.last = parts.last;
    this.bytes = parts.bytes;
    this.#ends = parts.ends;
    this.#entries = parts.entries;
  }

  get size(): number {
    return this.#entries.length;
  }

  select(cursor: number, filter: Filter | null): Selection | null {
    const isWhole = cursor <= this.after;
    const from = isWhole ? 0 : this.#firstBehind(cursor);
    if (from >= this.#entries.length) return null;
    if (!filter) {
      const start = from === 0 ? 0 : (this.#ends[from - 1] ?? 0);
      return { bytes: this.bytes.subarray(start), count: this.#entries.length - from };
    }
    if (!isWhole) return this.#gather(from, filter);
    const known = this.#selections.get(filter.key);
    if (known !== undefined) return known;
    const selection = this.#gather(0, filter);
    this.#selections.set(filter.key, selection);
    return selection;
  }

  #gather(from: number, filter: Filter): Selection | null {
    const parts: Buffer[] = [];
    for (let index = from; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry && filter.matches(entry)) {
        parts.push(this.bytes.subarray(index === 0 ? 0 : this.#ends[index - 1], this.#ends[index]));
      }
    }
    if (parts.length === 0) return null;
    return { bytes: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts), count: parts.length };
  }

  /** Index of the first entry behind `cursor`, by bisection. */
  #firstBehind(cursor: number): number {
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
