import { problem } from '@3cx-relay/shared/wire/problem.ts';
import type { Context } from 'koa';
import { type CloseLive, endOf } from '../keys/live-keys.ts';
import type { ClientOwner } from '../live/client-owner.ts';
import type { Hub } from '../live/hub.ts';
import type { Place } from '../live/live-client.ts';
import type { OnWrite } from '../live/outlet.ts';
import type { SendBudget } from '../live/send-budget.ts';
import { ProblemError } from '../public/problem-error.ts';
import { whenOver } from '../public/when-over.ts';
import type { ReadQuery } from './read-query.ts';
import { StreamConnection } from './stream-connection.ts';
import { nextCursor } from './stream-cursor.ts';
import type { StreamChunk, StreamGone, StreamRead, StreamSource } from './stream-source.ts';

export interface ReadStreamDeps {
  readonly hub: Hub;
  readonly budget: SendBudget;
  /** See RELAY_CLIENT_STALL_MS. */
  readonly stallMs: number;
  readonly onWrite: OnWrite;
}

export interface ReadStreamOptions {
  /** How long a long poll waits. */
  readonly longPollMs: number;
  /** How long a client of `live=sse` stays connected, about. */
  readonly sseMs: number;
  readonly maxConnections: number;
}

/** Answers GET and HEAD of a stream. @throws ProblemError naming the parameter; what a store throws that is away */
export type ReadStream = (context: Context, source: StreamSource, asked: ReadAsked) => Promise<void>;

export interface ReadAsked {
  readonly query: ReadQuery;
  /**
   * Called for one who stays connected, with what ends the connection. Returns what is to be called when it is over.
   *
   * @throws ProblemError when one more may not connect
   */
  readonly owner: ClientOwner;
  /** What is followed, for who asks. */
  readonly followed: Omit<Place, 'position'>;
  readonly onConnect?: (close: CloseLive) => () => void;
}

const START = '-1';
const NOW = 'now';

/** A chunk that ends before the stream does never changes. What follows the tail must be asked for again. */
const CACHE_CHUNK = 'private, max-age=60, stale-while-revalidate=300';
const CACHE_TAIL = 'private, no-cache';

/**
 * The read path of the Durable Streams protocol over any source: catch-up, long poll, server-sent events and metadata.
 *
 * Answers depend on who asks, so that only the asker's own cache may keep them, and errors are kept by none.
 */
export function createReadStream(deps: ReadStreamDeps, options: ReadStreamOptions): ReadStream {
  const { budget } = deps;

  async function catchUp(context: Context, source: StreamSource, query: ReadQuery): Promise<void> {
    const offset = query.offset ?? START;
    const found = await source.read(offset, { maxBytes: budget.maxBytes(), isFresh: true });
    if (isChunk(context, found)) answer(context, source, { chunk: found, query });
  }

  async function longPoll(context: Context, source: StreamSource, query: ReadQuery): Promise<void> {
    const deadline = performance.now() + options.longPollMs;
    const left = new AbortController();
    whenOver(context.res, () => left.abort());
    let offset = query.offset ?? START;
    let isFresh = true;
    for (;;) {
      const found = await source.read(offset, { maxBytes: budget.maxBytes(), isFresh });
      if (!isChunk(context, found)) return;
      const leftMs = left.signal.aborted ? 0 : Math.max(0, deadline - performance.now());
      // A filter over a long stretch may take all the time there is: then the client goes on from there.
      if (found.parts.length > 0 || (!found.isUpToDate && leftMs === 0)) {
        answer(context, source, { chunk: found, query });
        return;
      }
      offset = found.next;
      isFresh = false;
      if (!found.isUpToDate) continue;
      const wait = { ms: leftMs, signal: left.signal, isConnection: false };
      const outcome = leftMs === 0 ? 'timeout' : await source.waitBeyond(offset, wait);
      if (outcome === 'grown') continue;
      if (outcome === 'refused') {
        throw new ProblemError('too_many_waiting', 'too many requests wait already: try again, or use live=sse');
      }
      context.set(placeHeaders(found, query));
      context.status = 204;
      return;
    }
  }

  async function follow(
    context: Context,
    source: StreamSource,
    { query, onConnect, owner, followed }: ReadAsked,
  ): Promise<void> {
    if (deps.hub.size >= options.maxConnections) {
      throw new ProblemError('too_many_connections', `${options.maxConnections} clients are connected already`);
    }
    const first = await source.read(query.offset ?? START, { maxBytes: budget.maxBytes(), isFresh: true });
    if (!isChunk(context, first) || context.res.destroyed) return;
    let end: CloseLive = () => context.res.destroy();
    const leave = onConnect?.(verdict => end(verdict));
    if (leave) whenOver(context.res, leave);
    context.respond = false;
    context.status = 200;
    context.set({
      ...source.format.eventHeaders,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-store',
      // nginx would collect events until its buffer is full.
      'x-accel-buffering': 'no',
    });
    context.flushHeaders();
    const connection: StreamConnection = new StreamConnection(context.res, context.req.socket, source, {
      ...deps,
      cursor: query.cursor ?? null,
      followed,
      onClose: () => deps.hub.remove(connection),
    });
    end = endOf(connection);
    deps.hub.add(connection, owner);
    // Those who came together after an outage should not come together every minute.
    const lifeMs = options.sseMs * (0.9 + Math.random() * 0.2);
    connection.follow(first, lifeMs).catch((error: unknown) => context.app.emit('error', error, context));
  }

  function answer(context: Context, source: StreamSource, given: { chunk: StreamChunk; query: ReadQuery }): void {
    const { chunk, query } = given;
    const { offset = START } = query;
    context.set(placeHeaders(chunk, query));
    if (offset !== NOW) {
      const etag = `"${source.id}:${offset}:${chunk.next}"`;
      context.set('etag', etag);
      // The browser of somebody who is signed in must have nothing of it when he is not any more.
      if (!context.state.holder) context.set('cache-control', chunk.isUpToDate ? CACHE_TAIL : CACHE_CHUNK);
      if (isKnown(etag, context.get('if-none-match'))) {
        context.status = 304;
        return;
      }
    }
    const body = source.format.toBody(chunk.parts);
    // While the client takes it, it is memory like what waits in the sockets of the others.
    budget.add(body.length);
    whenOver(context.res, () => budget.release(body.length));
    context.status = 200;
    context.set('content-type', source.format.contentType);
    context.body = body;
  }

  return async (context, source, asked) => {
    const { query } = asked;
    context.set('cache-control', 'no-store');
    context.vary(['Authorization', 'X-API-Key']);
    if (context.method === 'HEAD') {
      context.set({ 'content-type': source.format.contentType, 'stream-next-offset': await source.tail() });
      context.status = 200;
      return;
    }
    if (query.live === 'sse') await follow(context, source, asked);
    else if (query.live === 'long-poll') await longPoll(context, source, query);
    else await catchUp(context, source, query);
  };
}

function placeHeaders({ next, isUpToDate }: StreamChunk, { cursor }: ReadQuery): Record<string, string> {
  return {
    'stream-next-offset': next,
    'stream-cursor': nextCursor(cursor ?? null),
    ...(isUpToDate ? { 'stream-up-to-date': 'true' } : {}),
  };
}

/** Answers what is not a chunk. */
function isChunk(context: Context, found: StreamRead): found is StreamChunk {
  if (found.kind === 'chunk') return true;
  if (found.kind === 'invalid') {
    const right = 'must be the Stream-Next-Offset of an earlier answer, "-1" or "now"';
    throw new ProblemError('invalid_position', `offset: ${right}`, 'offset');
  }
  answerGone(context, found);
  return false;
}

const WHY: Readonly<Record<StreamGone['reason'], string>> = {
  retention: 'what followed this offset is no longer held',
  log_reset: 'the log was lost and begun again since this offset was given out',
  log_rolled_back: 'the newest entries were lost, this offset among them',
  pbx_disconnected: 'the relay had no connection to the PBX',
};

function answerGone(context: Context, { reason, lost, oldestOffset, resumeOffset }: StreamGone): void {
  const detail = `${WHY[reason]}: go on at resumeOffset, or read everything that is held from oldestOffset`;
  context.status = 410;
  context.body = JSON.stringify({ ...problem('gone', detail, 'offset'), reason, lost, oldestOffset, resumeOffset });
  context.type = 'application/problem+json';
}

/** Not `context.fresh`: a fetch that sets If-None-Match itself also says "no-cache", which to it means never. */
function isKnown(etag: string, ifNoneMatch: string): boolean {
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some(each => each.trim().replace(/^W\//, '') === etag);
}
