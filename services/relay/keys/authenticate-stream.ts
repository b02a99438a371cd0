import type { Context } from 'koa';
import { cameOverTls } from '../public/came-over-tls.ts';
import { whenOver } from '../public/when-over.ts';
import type { Authenticated } from './authenticate.ts';
import { keyFrom } from './authenticate.ts';
import { forbiddenOrigin, type UpgradeAccess } from './authenticate-upgrade.ts';
import type { StreamPasses } from './stream-pass.ts';
import type { HolderId } from './validation.ts';

/** The one route that takes `?ticket=` and the cookie. */
export const STREAM_PATH = '/relay/events/stream';
const COOKIE = 'relay_stream';

/**
 * Decides who may read the event stream: by a key in the headers, else by a ticket in the query, else by the pass that an
 * earlier answer left in the browser. Among several streams of one browser the last ticket decides for all that reconnect.
 */
export interface StreamAccess {
  authenticate(context: Context): Promise<Authenticated>;
  /** For a stream that begins: whoever came without a key can come back. @throws ProblemError */
  letComeBack(context: Context): Promise<void>;
}

export function createStreamAccess(access: UpgradeAccess & { passes: StreamPasses }): StreamAccess {
  const { passes } = access;
  /** What let somebody in: the holder of a ticket, who has no pass yet, or a pass. */
  const cameBy = new WeakMap<Context, { readonly holder: HolderId } | { readonly pass: string }>();

  /** An open stream may live longer than its pass, and must not find it expired when it reconnects. */
  function keepWhileOpen(context: Context, pass: string): void {
    const kept = passes.keep(pass);
    whenOver(context.res, () => kept.stop());
  }

  async function authenticate(context: Context): Promise<Authenticated> {
    const { ticket } = context.query;
    const pass = context.cookies.get(COOKIE);
    if (keyFrom(context.headers) !== null || (ticket === undefined && pass === undefined)) {
      return access.authenticate(context.req);
    }
    if (!access.origins.allows(context.req)) return { problem: forbiddenOrigin() };
    if (typeof ticket === 'string') {
      const validation = await access.tickets.redeem(ticket);
      if (validation.ok) {
        cameBy.set(context, { holder: validation.key.id });
        return { key: validation.key };
      }
    }
    if (pass !== undefined) {
      const validation = await passes.check(pass);
      if (validation.ok) {
        cameBy.set(context, { pass });
        return { key: validation.key };
      }
    }
    const detail =
      'the ticket is unknown, used or expired: get a new one from POST /relay/tickets and open the stream anew';
    return { problem: await access.refuseCredential(context.req, detail) };
  }

  return {
    authenticate,
    async letComeBack(context) {
      const by = cameBy.get(context);
      if (!by) return;
      if ('pass' in by) return keepWhileOpen(context, by.pass);
      const pass = await passes.issue(by.holder);
      setCookie(context, pass);
      keepWhileOpen(context, pass);
    },
  };
}

/** Written as text: Koa's own way refuses `Secure` on the plain connection that a proxy makes. No age: Redis knows it. */
function setCookie(context: Context, pass: string): void {
  const secure = cameOverTls(context.req) ? '; Secure' : '';
  context.append('set-cookie', `${COOKIE}=${pass}; Path=${STREAM_PATH}; HttpOnly; SameSite=Strict${secure}`);
}
