import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { reportRejections } from '../errors/report-rejections.ts';
import { createOrigins, type Origins } from '../public/origins.ts';
import type { APIKeyManager } from './api-key-manager.ts';
import { type Authenticate, createAuthenticate } from './authenticate.ts';
import { createStreamAccess, type StreamAccess } from './authenticate-stream.ts';
import { createAuthenticateUpgrade } from './authenticate-upgrade.ts';
import { createFailedKeys, type FailedKeys, type FailedKeysLimits } from './failed-keys.ts';
import { createRefuseCredential } from './refuse-credential.ts';
import { createStreamPasses } from './stream-pass.ts';
import { createTickets, type Tickets } from './tickets.ts';
import type { ValidateHolder } from './validation.ts';

/** Who gets in, on each of the three ways in. */
export interface Access {
  /** A request: by its key. */
  readonly authenticate: Authenticate;
  /** A WebSocket: by its key or a ticket. */
  readonly authenticateUpgrade: Authenticate;
  /** An event stream: by its key, a ticket or the pass that a ticket left. */
  readonly stream: StreamAccess;
  readonly tickets: Tickets;
  readonly origins: Origins;
  readonly failedKeys: FailedKeys;
}

export interface AccessOptions {
  readonly ticketTtlMs: number;
  readonly streamPassTtlMs: number;
  readonly maxStreamPasses: number;
  readonly failedKeys: FailedKeysLimits;
  readonly allowedOrigins: readonly string[];
}

export function createAccess(
  deps: {
    redis: Redis;
    keys: LogKeys;
    apiKeys: APIKeyManager;
    validateHolder: ValidateHolder;
    errors: ErrorSink;
    logger: Logger;
  },
  options: AccessOptions,
): Access {
  const failedKeys = createFailedKeys(deps, options.failedKeys);
  const refuseCredential = createRefuseCredential({ failedKeys, onRefused: reportRejections(deps) });
  const authenticate = createAuthenticate(deps.apiKeys, { refuseCredential, failedKeys });
  const tickets = createTickets(deps, { ttlMs: options.ticketTtlMs });
  const origins = createOrigins(options.allowedOrigins);
  const passes = createStreamPasses(deps, {
    ttlMs: options.streamPassTtlMs,
    maxPasses: options.maxStreamPasses,
  });
  const ways = { authenticate, tickets, origins, refuseCredential };
  return {
    authenticate,
    authenticateUpgrade: createAuthenticateUpgrade(ways),
    stream: createStreamAccess({ ...ways, passes }),
    tickets,
    origins,
    failedKeys,
  };
}
