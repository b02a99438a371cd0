import { ticketIssued } from '@3cx-relay/shared/wire/answers.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import type { RouteDescription } from '../../documents/route-description.ts';
import type { Tickets } from '../../keys/tickets.ts';
import { readJsonBody } from '../json-body.ts';
import { noParameters, parseQuery } from '../parse-query.ts';
import { type RelayState, requirePermission } from '../require-permission.ts';

const nothing = z.strictObject({});

export const describeTickets: RouteDescription = {
  method: 'post',
  path: '/relay/tickets',
  operationId: 'issueTicket',
  group: 'Access',
  summary: 'A ticket that lets a browser in',
  description:
    'Good for one connection, once: as `ticket.<ticket>` among the subprotocols of `/relay/ws`, or as `?ticket=` of `/relay/events/stream`. Who holds the key, usually the server of the page, asks for it. The page must come from the host of the relay or from an origin in `RELAY_ALLOWED_ORIGINS`.',
  permission: 'read',
  body: { schema: nothing, example: {} },
  answers: {
    201: {
      description: 'The ticket, this once.',
      content: {
        'application/json': {
          schema: ticketIssued,
          example: {
            ticket: 'pDq1mZ0cTqk2b5m3qJ0oQ8yq4l4x7mF0yB1c9wU2a3E',
            expiresAt: '2026-03-02T09:14:37.201Z',
            expiresInMs: 30_000,
          },
        },
      },
    },
  },
  problems: ['invalid_request', 'payload_too_large'],
};

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
