import { ProblemError } from '@3cx-relay/relay/public/problem-error.ts';
import { parseReadQuery, readQuery } from '@3cx-relay/relay/streams/read-query.ts';
import type { ReadStream } from '@3cx-relay/relay/streams/read-stream.ts';
import Koa, { type Context } from 'koa';
import helmet from 'koa-helmet';
import { mediaType } from './stream-formats.ts';
import type { StreamStore, WritableStream } from './stream-store.ts';

const prefix = '/v1/stream/';
const maxBodyBytes = 1024 * 1024;
const defaultType = 'application/octet-stream';

type Deps = { streams: StreamStore; readStream: ReadStream };

/** PUT, POST and DELETE of the protocol, as far as the suite's core groups need them; GET and HEAD are the relay's. */
export function createStreamApp({ streams, readStream }: Deps): Koa {
  const byPath = new Map<string, WritableStream>();
  const app = new Koa();
  app.use(helmet());
  app.use(async (context, next) => {
    try {
      await next();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      context.status = error.problem.status;
      context.body = JSON.stringify(error.problem);
      context.type = 'application/problem+json';
    }
  });
  app.use(async context => {
    if (context.method === 'OPTIONS') return allowCrossOrigin(context);
    const stream = byPath.get(context.path);
    if (context.method === 'PUT') return create(context, stream);
    if (!stream || !context.path.startsWith(prefix)) throw new ProblemError('not_found', 'there is no such stream');
    if (context.method === 'POST') return append(context, stream);
    if (context.method === 'DELETE') {
      byPath.delete(context.path);
      context.status = 204;
      return;
    }
    await readStream(context, stream.source, {
      query: parseReadQuery(context.query, readQuery),
      owner: { keyId: null, clientName: 'conformance', user: null, address: null, connectedAt: Date.now() },
      followed: { channel: 'calls', asked: {} },
    });
  });

  async function create(context: Context, existing: WritableStream | undefined): Promise<void> {
    const contentType = context.get('content-type') || defaultType;
    const isSame = existing && mediaType(existing.contentType) === mediaType(contentType);
    if (existing && !isSame) return refuse(context, 409, 'the stream exists with another content type');
    const body = await readBody(context);
    if (!body) return refuse(context, 413, 'the body is too large');
    const messages = body.length === 0 ? [] : streams.messagesIn(contentType, body);
    if (!messages) return refuse(context, 400, 'the body is not JSON');
    const stream = existing ?? (await streams.create(contentType));
    if (!existing) byPath.set(context.path, stream);
    const isFirst = !existing && messages.length > 0;
    const next = isFirst ? await stream.append(messages) : await stream.source.tail();
    context.status = existing ? 200 : 201;
    context.set({ 'content-type': stream.contentType, 'stream-next-offset': next, location: context.href });
    context.body = Buffer.alloc(0);
  }

  async function append(context: Context, stream: WritableStream): Promise<void> {
    const contentType = context.get('content-type');
    if (contentType === '') return refuse(context, 400, 'a content type is missing');
    if (mediaType(contentType) !== mediaType(stream.contentType)) {
      return refuse(context, 409, `the stream is of ${stream.contentType}`);
    }
    const body = await readBody(context);
    if (!body) return refuse(context, 413, 'the body is too large');
    const messages = body.length === 0 ? [] : streams.messagesIn(stream.contentType, body);
    if (!messages?.length) return refuse(context, 400, 'the body is empty, or not JSON');
    const seq = context.get('stream-seq');
    if (seq !== '') {
      if (stream.writerSeq !== null && seq <= stream.writerSeq) return refuse(context, 409, 'Stream-Seq must grow');
      stream.writerSeq = seq;
    }
    context.set('stream-next-offset', await stream.append(messages));
    context.status = 204;
  }

  return app;
}

/** The relay's own answer is for the origins it was told; the suite comes from anywhere. */
function allowCrossOrigin(context: Context): void {
  context.set({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, HEAD, PUT, POST, DELETE',
    'access-control-allow-headers': 'content-type, if-none-match, stream-seq',
  });
  context.status = 204;
}

function refuse(context: Context, status: number, why: string): void {
  context.status = status;
  context.body = why;
}

/** Null when it is too large; what is left of it is read and thrown away, so that the answer can be heard. */
async function readBody(context: Context): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of context.req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? null : Buffer.concat(chunks);
}
