import koaCors from '@koa/cors';
import type { Middleware } from 'koa';
import { STREAM_PATH } from '../keys/authenticate-stream.ts';
import type { Origins } from './origins.ts';
import type { RelayState } from './require-permission.ts';

const PREFIX = '/relay/';
const PREFLIGHT_SECONDS = 600;

/** Lets pages of allowed origins use the API. What lies under `/admin/` is for its own pages only. */
export function allowOrigins(origins: Origins): Middleware<RelayState> {
  const cors = koaCors({
    origin: context => (context.get('origin') !== '' && origins.allows(context.req) ? context.get('origin') : ''),
    allowMethods: ['GET', 'HEAD', 'POST'],
    allowHeaders: ['Authorization', 'X-API-Key', 'Last-Event-ID', 'If-None-Match', 'Idempotency-Key', 'Content-Type'],
    exposeHeaders: [
      'Stream-Next-Offset',
      'Stream-Up-To-Date',
      'Stream-Cursor',
      'Stream-Closed',
      'ETag',
      'Retry-After',
      'Location',
    ],
    maxAge: PREFLIGHT_SECONDS,
    // The stream alone has a cookie of its own, for an EventSource with `withCredentials`.
    credentials: context => context.path === STREAM_PATH,
  });
  return (context, next) => (context.path.startsWith(PREFIX) ? cors(context, next) : next());
}
