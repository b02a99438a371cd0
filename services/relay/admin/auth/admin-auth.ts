import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { ADMIN_COOKIE, CSRF_HEADER } from '@3cx-relay/shared/wire/admin/session.ts';
import type { AuditAction } from '@3cx-relay/shared/wire/audit-actions.ts';
import type { Context, Middleware } from 'koa';
import koaJwt from 'koa-jwt';
import { toAdminActor } from '../../admin-actor.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, type SignedIn, signedInOf } from '../admin-state.ts';
import { toSessionKey } from '../session-access/session-key.ts';
import { type AdminTokens, createAdminTokens } from './admin-token.ts';
import { bearerOf } from './bearer.ts';
import { type CsrfTokens, createCsrfTokens } from './csrf-tokens.ts';
import { createRefusedNames, type RefusedNames } from './refused-names.ts';
import { changesNothing } from './request-origin.ts';
import type { AdminSessions, SessionOrigin } from './sessions.ts';
import type { Credentials, SignIn, SignInResult } from './sign-in.ts';

export interface AdminAuthDeps {
  readonly sessions: AdminSessions;
  readonly signIn: SignIn;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly now: () => number;
}

type AdminContext = Context & { state: AdminState };

/**
 * Who may use the panel and the admin API: signs people in with their password, and lets requests pass that carry the
 * token of a session that is in force.
 *
 * The token comes in the header `Authorization`, which no browser adds by itself, or in a cookie, which every browser
 * does: what the cookie authenticates changes something only with the CSRF token of the same session.
 */
export class AdminAuth {
  readonly #deps: AdminAuthDeps;
  readonly #tokens: AdminTokens;
  readonly #csrf: CsrfTokens;
  readonly #idleMs: number;
  readonly #refusedNames: RefusedNames;
  readonly #readToken: ReturnType<typeof koaJwt>;

  constructor(deps: AdminAuthDeps, { adminSecret, idleMs }: { adminSecret: string; idleMs: number }) {
    this.#deps = deps;
    this.#idleMs = idleMs;
    this.#tokens = createAdminTokens(adminSecret, deps.now);
    this.#csrf = createCsrfTokens(adminSecret);
    this.#refusedNames = createRefusedNames(deps.now);
    this.#readToken = koaJwt(
      this.#tokens.verifiedWith({
        key: 'adminToken',
        passthrough: true,
        getToken: context => bearerOf(context.req) ?? context.cookies.get(ADMIN_COOKIE) ?? null,
      }),
    );
  }

  /** `before`: the session that the same browser had until now, and leaves by this. */
  async signIn(credentials: Credentials, from: SessionOrigin, before: SignedIn | null): Promise<SignInResult> {
    const result = await this.#deps.signIn(credentials, from);
    if (!result.ok) return result;
    const { signedIn, secondFactor } = result;
    this.#tell('sign_in', signedIn, { from, details: { secondFactor } });
    if (before && (await this.#deps.sessions.end({ id: before.id, userId: before.user.id }))) {
      const ended = { id: before.id, user: signedIn.user };
      this.#tell('session.end', ended, {
        from,
        details: { username: before.user.username, reason: 'signed_in_again' },
      });
    }
    return result;
  }

  async signOut(signedIn: SignedIn, from: Pick<SessionOrigin, 'address'>): Promise<void> {
    const { id, user } = signedIn;
    if (await this.#deps.sessions.end({ id, userId: user.id })) this.#tell('sign_out', signedIn, { from, details: {} });
  }

  /** For whom a session was begun: goes into the cookie, or to a program. */
  tokenOf(signedIn: SignedIn): string {
    return this.#tokens.sign({ ...signedIn, userId: signedIn.user.id });
  }

  /** For what lives on a session longer than a request: `onEnd` is called within a second of its end. */
  hold(signedIn: SignedIn, onEnd: () => void): () => void {
    return this.#deps.sessions.hold(signedIn, onEnd);
  }

  csrfTokenOf({ id }: SignedIn): string {
    return this.#csrf.of(id);
  }

  /** Whoever is signed in; null when nobody is. @throws ProblemError `csrf_required` */
  async verify(context: AdminContext): Promise<SignedIn | null> {
    const session = await this.find(context);
    if (session) this.#requireCsrfToken(context, session);
    return session;
  }

  /**
   * The request brings the token of a session that ended because nobody used it; after how long that is, in ms. Null: it
   * brings none, or it ended in another way.
   */
  async endedAfter(context: AdminContext): Promise<number | null> {
    const token = await this.#tokenIn(context);
    if (!token) return null;
    const session = { id: token.sessionId, userId: token.userId };
    return (await this.#deps.sessions.hasRested(session)) ? this.#idleMs : null;
  }

  /** Whose token comes with the request, which proves nothing of who sent it; null when it is of no session in force. */
  async find(context: AdminContext): Promise<SignedIn | null> {
    const token = await this.#tokenIn(context);
    const session = token && (await this.#deps.sessions.find(token.sessionId));
    return token && session?.user.id === token.userId ? session : null;
  }

  async #tokenIn(context: AdminContext): Promise<ReturnType<AdminTokens['parse']>> {
    delete context.state.adminToken;
    await this.#readToken(context, async () => undefined);
    return this.#tokens.parse(context.state.adminToken);
  }

  /** Also for who must choose a password or set up a second factor first; for routes by which he does, and no others. */
  readonly requireSession: Middleware<AdminState> = async (context, next) => {
    const signedIn = await this.verify(context);
    if (!signedIn) throw noSession();
    context.state.signedIn = signedIn;
    try {
      return await next();
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 403) this.#nameRefused(context, signedIn);
      throw error;
    }
  };

  /** Also for who must set up a second factor first. */
  readonly requireOwnPassword: Middleware<AdminState> = (context, next) =>
    this.requireSession(context, () => {
      requireOwnPassword(signedInOf(context.state));
      return next();
    });

  readonly requireAuth: Middleware<AdminState> = (context, next) =>
    this.requireSession(context, () => {
      requireAllowed(signedInOf(context.state));
      return next();
    });

  readonly requireAdmin: Middleware<AdminState> = (context, next) =>
    this.requireAuth(context, () => {
      if (context.state.signedIn?.user.role !== 'admin') {
        throw new ProblemError('forbidden', 'this is for users with the role admin');
      }
      return next();
    });

  #tell(
    action: AuditAction,
    { id, user }: Pick<SignedIn, 'id' | 'user'>,
    what: { from: Pick<SessionOrigin, 'address'>; details: object },
  ): void {
    this.#deps.audit.write({
      action,
      actor: toAdminActor(user),
      address: what.from.address,
      target: `session:${id}`,
      outcome: 'done',
      details: { ...what.details },
    });
  }

  /** The log of requests tells then who was refused, not only where and from which address. */
  #nameRefused({ state }: AdminContext, signedIn: SignedIn): void {
    if (this.#refusedNames.mayName(signedIn.user.id)) state.key ??= toSessionKey(signedIn);
  }

  #requireCsrfToken(context: AdminContext, session: SignedIn): void {
    if (changesNothing(context.method) || bearerOf(context.req) !== null) return;
    if (this.#csrf.isOf(session.id, context.get(CSRF_HEADER))) return;
    const detail = `send the session's token in the header ${CSRF_HEADER}: GET /admin/session tells it`;
    throw new ProblemError('csrf_required', detail);
  }
}

export function noSession(): ProblemError {
  return new ProblemError('unauthenticated', 'nobody is signed in, or the session is over: sign in');
}

/** @throws ProblemError `password_change_required`, `second_factor_setup_required` */
export function requireAllowed(signedIn: SignedIn): void {
  requireOwnPassword(signedIn);
  if (!signedIn.user.mustSetUpSecondFactor) return;
  const detail = 'a second factor is required of you: set one up with POST /admin/account/totp';
  throw new ProblemError('second_factor_setup_required', detail);
}

function requireOwnPassword({ user }: SignedIn): void {
  if (!user.mustChangePassword) return;
  const detail = 'somebody else knows the password: choose another with POST /admin/account/password';
  throw new ProblemError('password_change_required', detail);
}
