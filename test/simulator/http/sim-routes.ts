import { Router } from '@koa/router';
import type { FrameLog } from '../feed/frame-log.ts';
import type { SocketHub } from '../feed/socket-hub.ts';
import type { Burst } from '../pbx/burst.ts';
import type { CallEngine } from '../pbx/call-engine.ts';
import type { CallPlanner } from '../pbx/call-plans.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { Directory } from '../pbx/directory.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import type { Traffic } from '../pbx/traffic.ts';
import { BadInput, parseInput, readJson } from './request-body.ts';
import { requireDns } from './required-dns.ts';
import { burstSchema, callSchema, framesSchema, pageSchema, tokenSchema, trafficSchema } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

type SimRoutesDeps = {
  engine: CallEngine;
  planner: CallPlanner;
  traffic: Traffic;
  burst: Burst;
  directory: Directory;
  tokens: TokenOffice;
  register: ClientRegister;
  log: FrameLog;
  hub: SocketHub;
  sequence: () => number;
  restart: () => void;
};

/** The hand of the tester: makes things happen and tells what really happened. Loopback only, therefore without keys. */
export function createSimRoutes(deps: SimRoutesDeps): Router {
  const { engine, planner, traffic, burst, directory, tokens, register, log, hub } = deps;
  const router = new Router({ prefix: '/sim' });

  router.get('/health', ctx => {
    ctx.body = { status: 'ok', run: engine.run, sockets: hub.size, frames: log.last };
  });

  router.post('/calls', async ctx => {
    const wish = parseInput(callSchema, await readJson(ctx.req));
    requireDns(wish, directory, register);
    if (wish.dn !== undefined && wish.dn === wish.number) {
      throw new BadInput([{ field: 'number', message: 'must differ from dn' }]);
    }
    const { call } = engine.start(planner.complete(withoutUndefined(wish)));
    ctx.status = 201;
    ctx.body = {
      callid: call.callid,
      ...call.plan,
      callHistoryId: call.history.id,
      participants: call.legs.map(({ dn, id }) => ({ dn, id })),
    };
  });
  router.get('/calls', ctx => {
    const { after, limit } = parseInput(pageSchema, ctx.query);
    ctx.body = engine.ledger.page(after, limit);
  });

  router.post('/traffic', async ctx => {
    ctx.body = traffic.set(withoutUndefined(parseInput(trafficSchema, await readJson(ctx.req))));
  });
  router.get('/traffic', ctx => {
    ctx.body = traffic.settings;
  });

  router.post('/burst', async ctx => {
    const order = parseInput(burstSchema, await readJson(ctx.req));
    if (burst.state.running) {
      ctx.status = 409;
      ctx.body = { error: 'A burst is running; wait until GET /sim/burst says running: false.', ...burst.state };
      return;
    }
    burst.start(order);
    ctx.status = 202;
    ctx.body = order;
  });
  router.get('/burst', ctx => {
    ctx.body = burst.state;
  });

  router.get('/frames', ctx => {
    const { after, limit, client: id } = parseInput(framesSchema, ctx.query);
    const client = id === undefined ? undefined : register.get(id);
    if (id !== undefined && !client) throw new BadInput([{ field: 'client', message: `there is no API client ${id}` }]);
    ctx.type = 'application/json';
    ctx.body = log.pageJson(after, limit, client && 1 << register.numberOf(client));
  });
  router.get('/sockets', ctx => {
    ctx.body = { sockets: hub.records };
  });

  router.get('/state', ctx => {
    ctx.body = {
      run: engine.run,
      sequence: deps.sequence(),
      frames: { first: log.first, last: log.last },
      sockets: hub.size,
      traffic: traffic.settings,
      burst: burst.state,
      extensions: [...directory.extensions.values()].map(({ dn, name }) => ({ dn, name })),
      queues: [...directory.queues.values()],
      ringGroups: [...directory.ringGroups.values()],
      totals: engine.ledger.totals,
      tokens: tokens.counts,
      active: engine.active().map(({ callid, plan, history, startedAt, answeredAt, legs }) => ({
        callid,
        scenario: plan.scenario,
        callHistoryId: history.isKept ? history.id : null,
        startedAt,
        answeredAt,
        participants: legs,
      })),
    };
  });

  router.post('/token', async ctx => {
    ctx.body = tokens.configure(withoutUndefined(parseInput(tokenSchema, await readJson(ctx.req))));
  });

  router.post('/restart', ctx => {
    deps.restart();
    ctx.body = { run: engine.run };
  });

  return router;
}
