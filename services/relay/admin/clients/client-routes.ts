import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type Router from '@koa/router';
import type { ClientDirectory } from '../../clients/client-directory.ts';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';

export interface ClientsDeps {
  readonly auth: AdminAuth;
  readonly clients: ClientDirectory;
  readonly audit: AuditLog;
}

/** `GET /admin/clients` and `POST /admin/clients/{session}/disconnect`, of all relay instances. */
export function addClients(router: Router<AdminState>, { auth, clients, audit }: ClientsDeps): void {
  router.get('/admin/clients', auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    context.body = await clients.list();
  });

  router.post('/admin/clients/:session/disconnect', auth.requireAdmin, async context => {
    const session = context.params.session ?? '';
    const { client, incomplete } = await clients.disconnect(session);
    if (!client && incomplete) throw new ProblemError('unavailable', `${incomplete}: try again`);
    if (!client) throw new ProblemError('not_found', `no client has the session ${JSON.stringify(session)}`);
    const { keyId, clientName, user, instance, transport } = client;
    audit.write({
      action: 'client.disconnect',
      ...actorOf(context),
      target: `client:${session}`,
      outcome: 'done',
      details: { keyId, clientName, user, instance, transport, clientAddress: client.address },
    });
    context.status = 204;
  });
}
