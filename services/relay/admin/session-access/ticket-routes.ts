import type Router from '@koa/router';
import { z } from 'zod';
import type { Tickets } from '../../keys/tickets.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { type AdminState, signedInOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';

/** `POST /admin/tickets` → 201 `{ticket, expiresAt, expiresInMs}`: lets one WebSocket in as whoever is signed in. */
export function addTickets(router: Router<AdminState>, { auth, tickets }: { auth: AdminAuth; tickets: Tickets }): void {
  router.post('/admin/tickets', auth.requireAuth, async context => {
    await readJsonBody(context.req, z.strictObject({}));
    context.status = 201;
    context.body = await tickets.issue(signedInOf(context.state).id);
  });
}
