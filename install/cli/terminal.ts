import type { Readable, Writable } from 'node:stream';

/** What a command reads from and writes to: `process` where it runs as a program. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
}
