import type Router from '@koa/router';
import type { Tickets } from '../keys/tickets.ts';
import type { AdminState } from './admin-state.ts';
import { type ApiKeysDeps, addApiKeys } from './api-keys/api-key-routes.ts';
import type { AdminAuth } from './auth/admin-auth.ts';
import { addSession } from './auth/session-routes.ts';
import { addClients, type ClientsDeps } from './clients/client-routes.ts';
import { addTickets } from './session-access/ticket-routes.ts';

/** What the areas of the admin API are made of; each takes what it needs. */
export interface AdminDeps extends ApiKeysDeps, ClientsDeps {
  readonly auth: AdminAuth;
  readonly tickets: Tickets;
}

/**
 * Every area of the admin API, one line each. An area is a folder beside this file with a function `addX(router, deps)`.
 * Each of its routes begins with `auth.requireAuth` (whoever is signed in, to read) or `auth.requireAdmin` (to change
 * something); both ask for the CSRF token where it is needed. `signedInOf` and `actorOf` of admin-state.ts say who it is.
 */
export function addAdminRoutes(router: Router<AdminState>, deps: AdminDeps): void {
  addSession(router, deps);
  addTickets(router, deps);
  addApiKeys(router, deps);
  addClients(router, deps);
}
