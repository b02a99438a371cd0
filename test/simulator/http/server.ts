import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { KEEP_ALIVE_MS } from '@3cx-relay/shared/runtime/keep-alive.ts';
import type { Router } from '@koa/router';
import Koa from 'koa';
import { type FaultDesk, REST_FAULTS } from '../faults/fault-desk.ts';
import type { Clock } from '../pbx/clock.ts';
import { BadInput } from './request-body.ts';

type ServerDeps = {
  clock: Clock;
  faults: FaultDesk;
  reads: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
  routers: readonly Router[];
};

/** One port, as on a real PBX behind its nginx: faults first, then the fast reads, then everything else. */
export function createPbxServer({ clock, faults, reads, routers }: ServerDeps): Server {
  const app = new Koa();
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      ctx.status = error.status;
      ctx.body = { error: 'bad_input', message: error.message, problems: error.problems };
    }
  });
  for (const router of routers) app.use(router.routes()).use(router.allowedMethods());
  const answerByKoa = app.callback();

  const answer = (request: IncomingMessage, response: ServerResponse, path: string): void => {
    const failure = faults.take(
      REST_FAULTS.filter(kind => kind !== 'slow'),
      path,
    );
    if (failure) return void response.writeHead(failure.status, { 'content-length': 0 }).end();
    if (!reads(request, response, path)) void answerByKoa(request, response);
  };

  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const url = request.url ?? '/';
    const query = url.indexOf('?');
    const path = query === -1 ? url : url.slice(0, query);
    if (path.startsWith('/sim/')) return void answerByKoa(request, response);
    const slow = faults.take(['slow'], path);
    if (slow) clock.after(slow.delayMs, () => answer(request, response, path));
    else answer(request, response, path);
  });
}
