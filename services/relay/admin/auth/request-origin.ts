import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Origins } from '../../public/origins.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { AdminState } from '../admin-state.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** `none`: the person himself, not a page. */
const OWN_SITES = new Set(['same-origin', 'none']);

export function changesNothing(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/**
 * Refuses what a page of another site sends. The CSRF token and the cookie's SameSite do that already for a session;
 * this also covers signing in, which has neither yet, and a token that leaked. A program sends neither header.
 */
export function refuseOtherSites(own: Origins): Middleware<AdminState> {
  return (context, next) => {
    if (!changesNothing(context.method) && !isOwnSite(context.req, own)) {
      throw new ProblemError('cross_site', 'a page of another site must not do this: use the panel of this relay');
    }
    return next();
  };
}

function isOwnSite(request: IncomingMessage, own: Origins): boolean {
  const site = request.headers['sec-fetch-site'];
  return (typeof site !== 'string' || OWN_SITES.has(site)) && own.allows(request);
}
