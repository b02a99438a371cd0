import { Router } from '@koa/router';
import type { DatabaseFaultKind, DatabaseFaults } from '../database/database-faults.ts';
import type { FaultControls } from '../faults/fault-controls.ts';
import { BadInput, parseInput, readJson } from './request-body.ts';
import { faultSchema } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

type FaultRoutesDeps = {
  faults: FaultControls;
  /** Null: this PBX has no database. */
  database: DatabaseFaults | null;
};

/** Breaks the exchange, or its database, on command. An answer means that the fault is in force. */
export function createFaultRoutes({ faults, database }: FaultRoutesDeps): Router {
  const router = new Router({ prefix: '/sim' });
  const all = () => ({ faults: [...faults.active(), ...(database?.active() ?? [])] });

  router.post('/faults', async ctx => {
    const { kind, ...order } = withoutUndefined(parseInput(faultSchema, await readJson(ctx.req)));
    if (!isOfDatabase(kind)) {
      ctx.body = faults.apply({ kind, ...order });
      return;
    }
    if (!database) {
      throw new BadInput([{ field: 'kind', message: 'this simulator has no database; set SIM_DATABASE_URL' }]);
    }
    ctx.body = { kind, ...(await database.apply(kind, order.ms)) };
  });
  router.get('/faults', ctx => {
    ctx.body = all();
  });
  router.delete('/faults', async ctx => {
    faults.clear();
    await database?.clear();
    ctx.body = all();
  });

  return router;
}

function isOfDatabase(kind: string): kind is DatabaseFaultKind {
  return kind.startsWith('database-');
}
