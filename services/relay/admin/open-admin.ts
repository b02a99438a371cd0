import { ADMIN_ROLES, type AdminRole } from '@3cx-relay/shared/wire/admin/session.ts';
import type { Middleware } from 'koa';
import type { RelayConfig } from '../config.ts';
import { createOrigins } from '../public/origins.ts';
import { createAdminApp } from './admin-app.ts';
import type { OpenAdminDeps } from './admin-deps.ts';
import type { AdminState } from './admin-state.ts';
import { AdminAuth } from './auth/admin-auth.ts';
import { createConfirmPassword } from './auth/confirm-password.ts';
import { openSignIn } from './auth/open-sign-in.ts';
import { type AdminSessions, createAdminSessions } from './auth/sessions.ts';
import { openOperator } from './open-operator.ts';
import { createPanelFiles } from './panel/panel-files.ts';
import { servePanel } from './panel/panel-route.ts';
import { readAsSession } from './session-access/read-as-session.ts';
export interface Admin {
  readonly app: Middleware<AdminState>;
  /** To stand before the public routes. */
  readonly readAsSession: Middleware<AdminState>;
  /** Before the audit stops, which it still writes to. */
  stop(): Promise<void>;
}

const SECOND_FACTOR_OF: Readonly<Record<RelayConfig['ADMIN_REQUIRE_SECOND_FACTOR'], readonly AdminRole[]>> = {
  ...{ none: [], admins: ['admin'], all: ADMIN_ROLES },
};

/** Before all else, because those who are signed in come in where clients do; null when this instance has no panel. */
export function openSessions(config: RelayConfig, deps: Pick<OpenAdminDeps, 'pool' | 'logger'>): AdminSessions | null {
  if (!config.ADMIN_ENABLED) return null;
  return createAdminSessions(
    { ...deps, now: Date.now },
    {
      databaseUrl: config.DATABASE_URL,
      lifeMs: config.ADMIN_SESSION_MS,
      idleMs: config.ADMIN_SESSION_IDLE_MS,
      sweepMs: config.ADMIN_SESSION_SWEEP_MS,
      maxPerUser: config.ADMIN_MAX_SESSIONS_PER_USER,
      secondFactorOf: SECOND_FACTOR_OF[config.ADMIN_REQUIRE_SECOND_FACTOR],
    },
  );
}

/** The panel and its API with all they need; null without sessions. */
export function openAdmin(config: RelayConfig, deps: OpenAdminDeps, sessions: AdminSessions | null): Admin | null {
  if (!sessions) return null;
  const shared = { ...deps, sessions, now: Date.now };
  const signingIn = openSignIn(config, shared);
  const auth = new AdminAuth(
    { ...shared, ...signingIn },
    { adminSecret: config.ADMIN_SECRET, idleMs: config.ADMIN_SESSION_IDLE_MS },
  );
  const operator = openOperator(config, shared);
  const app = createAdminApp({
    ...shared,
    ...signingIn,
    operator,
    auth,
    confirmPassword: createConfirmPassword({ ...shared, ...signingIn }),
    secondFactorOf: SECOND_FACTOR_OF[config.ADMIN_REQUIRE_SECOND_FACTOR],
    temporaryPasswordMs: config.ADMIN_TEMPORARY_PASSWORD_MS,
    failedWallboards: {
      perMinute: config.RELAY_FAILED_KEYS_PER_MINUTE,
      blockMs: config.RELAY_FAILED_KEYS_BLOCK_MS,
    },
    keyLimits: { newKeysPerHour: config.ADMIN_MAX_NEW_KEYS_PER_HOUR },
    panel: servePanel(createPanelFiles(config.ADMIN_PANEL_DIR, deps.logger)),
    // No other origin, whatever RELAY_ALLOWED_ORIGINS says: those are for the relay's public API.
    ownOrigin: createOrigins([]),
  });
  return {
    app,
    readAsSession: readAsSession(auth),
    async stop() {
      await Promise.all([signingIn.failures.stop(), signingIn.confirmations.stop(), operator.stop()]);
    },
  };
}
