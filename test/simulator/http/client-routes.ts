import { Router } from '@koa/router';
import type { ApiClient } from '../pbx/api-client.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { Directory } from '../pbx/directory.ts';
import { BadInput, parseInput, readJson } from './request-body.ts';
import { clientSchema, licenceSchema } from './sim-schemas.ts';
import { withoutUndefined } from './without-undefined.ts';

type ClientRoutesDeps = { register: ClientRegister; directory: Directory };

/** The admin console's Integrations → API and the licence, for a tester. */
export function createClientRoutes({ register, directory }: ClientRoutesDeps): Router {
  const router = new Router({ prefix: '/sim' });

  router.get('/clients', ctx => {
    ctx.body = { clients: register.list().map(withoutSecret) };
  });
  router.post('/clients', async ctx => {
    const change = parseInput(clientSchema, await readJson(ctx.req));
    if (change.secret === undefined && !register.get(change.id)) {
      throw new BadInput([{ field: 'secret', message: 'a new client needs one' }]);
    }
    const stranger = change.dns?.find(dn => !directory.extensions.has(dn));
    if (stranger !== undefined) {
      // A real console does not offer queues, groups or "all" either (3cx.md §1.1).
      throw new BadInput([{ field: 'dns', message: `${stranger} is no extension; only extensions can be listed` }]);
    }
    ctx.body = withoutSecret(register.set(withoutUndefined(change)));
  });

  router.get('/licence', ctx => {
    ctx.body = register.licence;
  });
  router.post('/licence', async ctx => {
    const change = parseInput(licenceSchema, await readJson(ctx.req));
    register.licence = { ...register.licence, ...withoutUndefined(change) };
    ctx.body = register.licence;
  });

  return router;
}

function withoutSecret({ secret: _, ...shown }: ApiClient): Omit<ApiClient, 'secret'> {
  return shown;
}
