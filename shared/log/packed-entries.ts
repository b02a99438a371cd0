import type { StreamEntry } from './entry.ts';

/** Of the MessagePack specification, those formats that read-page.lua's arrays of strings come in. */
const FIXARRAY = 0x90;
const FIXSTR = 0xa0;
const STR_8 = 0xd9;
const STR_16 = 0xda;
const STR_32 = 0xdb;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;

/** Names of fields, which each entry has again: by their bytes, read as one number. */
const NAMES = new Map(
  ['t', 'at', 'b', 'dn', 'call', 'ev', 'tp'].map(name => [numberOf(Buffer.from(name), 0, name.length), name]),
);
const LONGEST_NAME = 4;

/** What read-page.lua packed. @throws RangeError when it is something else */
export function unpackEntries(packed: Buffer): StreamEntry[] {
  const reader = new PackedReader(packed);
  const entries: StreamEntry[] = [];
  for (let left = reader.array(); left > 0; left -= 1) {
    reader.array();
    const id = reader.string();
    const fields: string[] = [];
    for (let pairs = reader.array() / 2; pairs > 0; pairs -= 1) fields.push(reader.name(), reader.string());
    entries.push([id, fields]);
  }
  return entries;
}

class PackedReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many items follow. */
  array(): number {
    const format = this.#bytes[this.#at++] ?? 0;
    if (format === ARRAY_16) return this.#length(2);
    if (format === ARRAY_32) return this.#length(4);
    if ((format & 0xf0) !== FIXARRAY) throw unexpected(format);
    return format & 0x0f;
  }

  string(): string {
    const length = this.#stringLength();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  name(): string {
    const length = this.#stringLength();
    const start = this.#at;
    this.#at += length;
    const known = length <= LONGEST_NAME && NAMES.get(numberOf(this.#bytes, start, length));
    // Zeros in front of a name make no other number of it.
    return known && known.length === length ? known : this.#bytes.toString('utf8', start, this.#at);
  }

  #stringLength(): number {
    const format = this.#bytes[this.#at++] ?? 0;
    if ((format & 0xe0) === FIXSTR) return format & 0x1f;
    if (format === STR_8) return this.#length(1);
    if (format === STR_16) return this.#length(2);
    if (format === STR_32) return this.#length(4);
    throw unexpected(format);
  }

  #length(bytes: number): number {
    const length = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return length;
  }
}

function numberOf(bytes: Buffer, start: number, length: number): number {
  let number = 0;
  for (let index = start; index < start + length; index += 1) number = number * 256 + (bytes[index] ?? 0);
  return number;
}

function unexpected(format: number): RangeError {
  return new RangeError(`a packed page of the log has format 0x${format.toString(16)} where none such can be`);
}
