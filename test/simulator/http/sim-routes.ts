import { Router } from '@koa/router';
import type { FaultControls } from '../faults/fault-controls.ts';
import type { FrameLog } from '../feed/frame-log.ts';
import type { SocketHub } from '../feed/socket-hub.ts';
import type { Burst } from '../pbx/burst.ts';
import type { CallEngine } from '../pbx/call-engine.ts';
import type { CallPlanner } from '../pbx/call-plans.ts';
import type { Directory } from '../pbx/directory.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import type { Traffic } from '../pbx/traffic.ts';
import { BadInput, parseInput, readJson } from './request-body.ts';
import { burstSchema, callSchema, faultSchema, pageSchema, tokenSchema, trafficSchema } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

type SimRoutesDeps = {
  engine: CallEngine;
  planner: CallPlanner;
  traffic: Traffic;
  burst: Burst;
  directory: Directory;
  tokens: TokenOffice;
  faults: FaultControls;
  log: FrameLog;
  hub: SocketHub;
  sequence: () => number;
  restart: () => void;
};

/** The hand of the tester: makes things happen and tells what really happened. Loopback only, therefore without keys. */
export function createSimRoutes(deps: SimRoutesDeps): Router {
  const { engine, planner, traffic, burst, directory, tokens, faults, log, hub } = deps;
  const router = new Router({ prefix: '/sim' });

  router.get('/health', ctx => {
    ctx.body = { status: 'ok', run: engine.run, sockets: hub.size, frames: log.last };
  });

  router.post('/calls', async ctx => {
    const wish = parseInput(callSchema, await readJson(ctx.req));
    requireExtension('dn', wish.dn, directory);
    if (wish.scenario === 'internal') requireExtension('number', wish.number, directory);
    if (wish.dn !== undefined && wish.dn === wish.number) {
      throw new BadInput([{ field: 'number', message: 'must differ from dn' }]);
    }
    const { call } = engine.start(planner.complete(withoutUndefined(wish)));
    ctx.status = 201;
    ctx.body = { callid: call.callid, ...call.plan, participants: call.legs.map(({ dn, id }) => ({ dn, id })) };
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

  router.post('/faults', async ctx => {
    ctx.body = faults.apply(withoutUndefined(parseInput(faultSchema, await readJson(ctx.req))));
  });
  router.get('/faults', ctx => {
    ctx.body = { faults: faults.active() };
  });
  router.delete('/faults', ctx => {
    faults.clear();
    ctx.body = { faults: faults.active() };
  });

  router.get('/frames', ctx => {
    const { after, limit } = parseInput(pageSchema, ctx.query);
    ctx.type = 'application/json';
    ctx.body = log.pageJson(after, limit);
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
      totals: engine.ledger.totals,
      active: engine.active().map(({ callid, plan, startedAt, answeredAt, legs }) => ({
        callid,
        scenario: plan.scenario,
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

function requireExtension(field: string, dn: string | undefined, directory: Directory): void {
  if (dn === undefined || directory.extensions.has(dn)) return;
  const message = `there is no extension ${dn}; choose from ${directory.dns.at(0)} to ${directory.dns.at(-1)}`;
  throw new BadInput([{ field, message }]);
}
