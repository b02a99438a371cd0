import type Router from '@koa/router';
import { z } from 'zod';
import type { Tickets } from '../../keys/tickets.ts';
import { readJsonBody } from '../json-body.ts';
import { noParameters, parseQuery } from '../parse-query.ts';
import { type RelayState, requirePermission } from '../require-permission.ts';

const nothing = z.strictObject({});

/** `POST /relay/tickets` → 201 `{ticket, expiresAt, expiresInMs}`: lets a browser in once, as the key that asked. */
export function addTickets(router: Router<RelayState>, tickets: Tickets): void {
  router.post('/relay/tickets', requirePermission('read'), async context => {
    parseQuery(context.query, noParameters);
    await readJsonBody(context.req, nothing);
    const { key } = context.state;
    if (!key) throw new Error('a ticket needs a key');
    context.status = 201;
    context.set('cache-control', 'no-store');
    context.body = await tickets.issue(key.id);
  });
}
