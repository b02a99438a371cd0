import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { selectRequestsByKey } from '@3cx-relay/shared/store/usage.ts';
import {
  type ApiKeysAnswer,
  type NewApiKeyAnswer,
  newApiKeyRequest,
  rotateApiKeyRequest,
} from '@3cx-relay/shared/wire/admin/api-keys.ts';
import type { ClientsAnswer } from '@3cx-relay/shared/wire/admin/clients.ts';
import type Router from '@koa/router';
import type { ClientDirectory } from '../../clients/client-directory.ts';
import type { APIKeyManager } from '../../keys/api-key-manager.ts';
import { isKeyId, KeyInputError } from '../../keys/key-input.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { parseUsageQuery, readKeyUsage } from './key-usage.ts';
import { toListedKey } from './listed-key.ts';
import { createNewKeyLimit } from './new-key-limit.ts';

export interface ApiKeysDeps {
  readonly auth: AdminAuth;
  readonly apiKeys: APIKeyManager;
  readonly clients: ClientDirectory;
  readonly pool: PostgresPool['pool'];
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly keyLimits: { readonly newKeysPerHour: number };
}

const HOUR_MS = 3_600_000;
const HOURS_OF_A_DAY = 24;

/** `/admin/api-keys`: list, make, rotate, revoke, and what each was used for. */
export function addApiKeys(router: Router<AdminState>, deps: ApiKeysDeps): void {
  const { auth, apiKeys, pool } = deps;
  const limitNewKeys = createNewKeyLimit(deps, { perHour: deps.keyLimits.newKeysPerHour });

  router.get('/admin/api-keys', auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    const now = Date.now();
    const since = new Date((Math.floor(now / HOUR_MS) - HOURS_OF_A_DAY) * HOUR_MS);
    const [listed, requests, { clients, incomplete }] = await Promise.all([
      apiKeys.listKeys(),
      selectRequestsByKey(pool, since),
      listClients(),
    ]);
    const connections = clients && Map.groupBy(clients, client => client.keyId);
    context.body = {
      apiKeys: listed.map(key =>
        toListedKey(key, now, {
          connections: connections && (connections.get(key.id)?.length ?? 0),
          requests24h: requests.get(key.id) ?? 0,
        }),
      ),
      incomplete,
    } satisfies ApiKeysAnswer;
  });

  router.post('/admin/api-keys', auth.requireAdmin, async context => {
    const { clientName, permissions, expiresAt, ...options } = await readJsonBody(context.req, newApiKeyRequest);
    const ends = expiresAt ? new Date(expiresAt) : null;
    const made = await limitNewKeys(signedInOf(context.state).user.id, () =>
      asProblems(apiKeys.generateKey(clientName, permissions, actorOf(context), { ...options, expiresAt: ends })),
    );
    context.status = 201;
    context.body = {
      ...made,
      permissions: [...made.permissions],
      expiresAt: ends?.toISOString() ?? null,
    } satisfies NewApiKeyAnswer;
  });

  router.post('/admin/api-keys/:id/rotate', auth.requireAdmin, async context => {
    const id = keyIdOf(context.params.id);
    const { overlapMs } = await readJsonBody(context.req, rotateApiKeyRequest);
    await requireKey(id);
    const rotated = await limitNewKeys(signedInOf(context.state).user.id, () =>
      asProblems(apiKeys.rotateKey(id, { overlapMs, rotatedBy: actorOf(context) })),
    );
    context.status = 201;
    context.body = { ...rotated, oldExpiresAt: rotated.oldExpiresAt.toISOString() };
  });

  router.delete('/admin/api-keys/:id', auth.requireAdmin, async context => {
    const id = keyIdOf(context.params.id);
    if (!(await apiKeys.revokeKey(id, actorOf(context)))) throw noSuchKey(id, 'that was not revoked before');
    context.status = 204;
  });

  router.get('/admin/api-keys/:id/usage', auth.requireAuth, async context => {
    const id = keyIdOf(context.params.id);
    const span = parseUsageQuery(context.query, Date.now());
    await requireKey(id);
    context.body = await readKeyUsage(pool, id, span);
  });

  /** Which keys there are does not depend on Redis; who is connected with them does. */
  async function listClients(): Promise<{ clients: ClientsAnswer['clients'] | null; incomplete: string | null }> {
    try {
      return await deps.clients.list();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return { clients: null, incomplete: error.message };
    }
  }

  async function requireKey(id: number): Promise<void> {
    if (!(await apiKeys.listKeys()).some(key => key.id === id)) throw noSuchKey(id);
  }
}

function keyIdOf(text: string | undefined): number {
  const id = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!isKeyId(id)) throw noSuchKey(text ?? '');
  return id;
}

function noSuchKey(id: number | string, which = 'in the list of keys'): ProblemError {
  return new ProblemError('not_found', `there is no API key ${id} ${which}`);
}

async function asProblems<Answer>(work: Promise<Answer>): Promise<Answer> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KeyInputError) throw new ProblemError('invalid_request', error.message, error.field);
    if (error instanceof OperatorError && error.code === 'API_KEY_NOT_ROTATABLE') {
      throw new ProblemError('not_rotatable', error.message);
    }
    throw error;
  }
}
