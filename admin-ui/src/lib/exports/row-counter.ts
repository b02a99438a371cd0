/** Counts the rows of a file while its bytes go by; `end` is what the file itself says at its end. */
export interface RowCounter {
  add(bytes: Uint8Array): void;
  /** Null where bytes do not tell. */
  readonly rows: number | null;
  /** Whether the file is whole; null where it does not say, and the connection is all there is to go by. */
  end(): FileEnd | null;
}

export type FileEnd =
  | { readonly isWhole: true }
  /** What the relay wrote about why. */
  | { readonly isWhole: false; readonly reason: string };

const LINE_END = 0x0a;
const QUOTE = 0x22;

/** The last line of NDJSON is short: it says how the export ended. */
const MAX_END_BYTES = 64 * 1024;

export function createRowCounter(format: 'csv' | 'ndjson' | 'parquet'): RowCounter {
  if (format === 'csv') return countCsv();
  if (format === 'ndjson') return countNdjson();
  return { add: () => undefined, rows: null, end: () => null };
}

/** A line end between quotes is part of a value. The first line is the header. */
function countCsv(): RowCounter {
  let lines = 0;
  let isQuoted = false;
  return {
    add(bytes) {
      for (const byte of bytes) {
        if (byte === QUOTE) isQuoted = !isQuoted;
        else if (byte === LINE_END && !isQuoted) lines += 1;
      }
    },
    get rows() {
      return Math.max(0, lines - 1);
    },
    end: () => null,
  };
}

function countNdjson(): RowCounter {
  let lines = 0;
  /** The last whole line and what came after it. */
  let last: Uint8Array = new Uint8Array();
  let open: Uint8Array = new Uint8Array();
  return {
    add(bytes) {
      let from = 0;
      for (let at = bytes.indexOf(LINE_END); at !== -1; at = bytes.indexOf(LINE_END, from)) {
        last = join(open, bytes.subarray(from, at));
        open = new Uint8Array();
        lines += 1;
        from = at + 1;
      }
      open = join(open, bytes.subarray(from));
    },
    get rows() {
      return readEnd(last) === null ? lines : lines - 1;
    },
    end() {
      return readEnd(last) ?? { isWhole: false, reason: 'the file has no last line that says it is complete' };
    },
  };
}

function readEnd(line: Uint8Array): FileEnd | null {
  if (line.length > MAX_END_BYTES) return null;
  try {
    const end = JSON.parse(new TextDecoder().decode(line));
    if (end.complete === true) return { isWhole: true };
    if (end.complete === false) return { isWhole: false, reason: 'there are more rows than were asked for' };
    return typeof end.error?.detail === 'string' ? { isWhole: false, reason: end.error.detail } : null;
  } catch {
    return null;
  }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  if (head.length === 0) return tail.slice();
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
