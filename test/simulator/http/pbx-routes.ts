import { Router } from '@koa/router';
import { z } from 'zod';
import type { CallControlApi } from '../pbx/call-control.ts';
import { callControlSegments } from '../pbx/call-control.ts';
import type { ClientRegister } from '../pbx/client-register.ts';
import type { TokenOffice } from '../pbx/tokens.ts';
import { parseInput, readForm, readJson } from './request-body.ts';

type PbxRoutesDeps = { tokens: TokenOffice; register: ClientRegister; api: CallControlApi };

const actionSchema = z.record(z.string(), z.unknown(), {
  error: 'send a JSON object, {} when the action takes nothing: a POST without body is refused',
});

/** What the 3CX answers itself: tokens and call-control actions. Reading is in `callcontrol-reads.ts`. */
export function createPbxRoutes({ tokens, register, api }: PbxRoutesDeps): Router {
  const router = new Router();

  router.post('/connect/token', async ctx => {
    const form = await readForm(ctx.req);
    if (form.get('grant_type') !== 'client_credentials') {
      ctx.status = 400;
      ctx.body = { error: 'unsupported_grant_type', error_description: 'grant_type must be client_credentials' };
      return;
    }
    const client = tokens.signIn(form.get('client_id') ?? '', form.get('client_secret') ?? '');
    if (!client) {
      ctx.status = tokens.settings.badClientStatus;
      ctx.body = { error: 'invalid_client', error_description: 'client_id or client_secret is wrong' };
      return;
    }
    ctx.set('cache-control', 'no-store');
    ctx.body = tokens.issue(client);
  });

  router.post('/callcontrol/*path', async ctx => {
    const bearer = tokens.accept(ctx.get('authorization'));
    if (!bearer) {
      ctx.set('www-authenticate', 'Bearer');
      ctx.status = 401;
      return;
    }
    const refusal = register.refusalOf(bearer.client);
    if (refusal !== null) {
      ctx.status = refusal;
      ctx.body = '';
      return;
    }
    const body = await readJson(ctx.req);
    const input = parseInput(actionSchema, body ?? null);
    // The router has decoded nothing yet at this point: the raw path keeps %2F inside a device id apart.
    const segments = callControlSegments(new URL(ctx.url, 'http://pbx').pathname) ?? [];
    const answer = api.act(bearer.client, segments, input);
    ctx.status = answer.status;
    ctx.body = answer.body;
  });

  return router;
}
