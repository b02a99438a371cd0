import type Router from '@koa/router';
import type { Tickets } from '../keys/tickets.ts';
import { addAbout } from './about/about-routes.ts';
import { type AccountDeps, addAccount } from './account/account-routes.ts';
import { addSecondFactor } from './account/second-factor-routes.ts';
import type { AdminState } from './admin-state.ts';
import { type ApiKeysDeps, addApiKeys } from './api-keys/api-key-routes.ts';
import { addVerification } from './audit/verification-routes.ts';
import { addSession } from './auth/session-routes.ts';
import type { Totp } from './auth/totp.ts';
import { addClients, type ClientsDeps } from './clients/client-routes.ts';
import { addConnections } from './connections/connection-routes.ts';
import { addErrors } from './errors/error-routes.ts';
import type { Operator } from './open-operator.ts';
import { addDeadLetters } from './queues/dead-letter-routes.ts';
import { addQueues } from './queues/queue-routes.ts';
import { addTickets } from './session-access/ticket-routes.ts';
import { addSetup, type SetupDeps } from './setup/setup-routes.ts';
import { addStats } from './stats/stats-routes.ts';
import { addUserAccess } from './users/user-access-routes.ts';
import { addUsers, type UserDeps } from './users/user-routes.ts';
import { addBoard, type BoardRoutesDeps } from './wallboards/board-routes.ts';
import { addWallboards } from './wallboards/wallboard-routes.ts';

/** What the areas of the admin API are made of; each takes what it needs. */
export interface AdminDeps extends SetupDeps, AccountDeps, UserDeps, ApiKeysDeps, ClientsDeps, BoardRoutesDeps {
  readonly totp: Totp;
  readonly tickets: Tickets;
  readonly operator: Operator;
}

/**
 * Every area of the admin API, one line each. An area is a folder beside this file with a function `addX(router, deps)`.
 * Each of its routes begins with `auth.requireAuth` (whoever is signed in, to read) or `auth.requireAdmin` (to change
 * something); both ask for the CSRF token where it is needed. `signedInOf` and `actorOf` of admin-state.ts say who it is.
 */
export function addAdminRoutes(router: Router<AdminState>, deps: AdminDeps): void {
  addSession(router, deps);
  addSetup(router, deps);
  addAccount(router, deps);
  addSecondFactor(router, deps);
  addUsers(router, deps);
  addUserAccess(router, deps);
  addTickets(router, deps);
  const operator = { ...deps.operator.deps, auth: deps.auth };
  addStats(router, operator);
  addAbout(router, operator);
  addConnections(router, operator, deps.operator.options);
  addErrors(router, operator, deps.operator.options);
  addQueues(router, operator);
  addDeadLetters(router, operator);
  addVerification(router, operator);
  addApiKeys(router, deps);
  addClients(router, deps);
  addWallboards(router, deps);
  addBoard(router, deps);
}
