import { Readable } from 'node:stream';
import type { RouterContext } from '@koa/router';
import type { LiveKeys } from '../keys/live-keys.ts';
import { keyOf, type RelayState } from './require-permission.ts';

/** A file that is written while it is sent, at the pace of the client. */
export interface StreamedFile {
  readonly name: string;
  readonly contentType: string;
  readonly chunks: AsyncIterable<string | Buffer>;
  /** A client that takes nothing for so long gives its place to another one. */
  readonly stallMs: number;
  /** True while a client that gets nothing is not to blame. */
  readonly isReading: () => boolean;
  /** Once, however it ended. */
  readonly onClose: (isWhole: boolean) => void;
}

/** Ends with the key that asked for it. What breaks it breaks the connection: a file has no place for an error. */
export function streamAnswer(context: RouterContext<RelayState>, liveKeys: LiveKeys, file: StreamedFile): void {
  context.set('cache-control', 'no-store');
  context.attachment(file.name, { fallback: false });
  context.set('content-type', file.contentType);
  // nginx would take all of it at once.
  context.set('x-accel-buffering', 'no');
  // A reset, because behind a proxy that speaks HTTP/1.0 a connection that merely ends is a complete answer.
  const abort = () => void context.req.socket.resetAndDestroy();
  const stream = Readable.from(file.chunks);
  const unwatch = liveKeys.watch(keyOf(context.state), abort);
  stream.once('error', abort);
  stream.once('close', () => {
    unwatch();
    file.onClose(stream.readableEnded);
  });
  context.res.setTimeout(file.stallMs, () => {
    if (!file.isReading()) abort();
  });
  context.body = stream;
}
