import { totpConfirmation } from '@3cx-relay/shared/wire/admin/account.ts';
import { newApiKeyRequest, rotateApiKeyRequest } from '@3cx-relay/shared/wire/admin/api-keys.ts';
import { acknowledgeRequest } from '@3cx-relay/shared/wire/admin/errors.ts';
import { retryRequest } from '@3cx-relay/shared/wire/admin/queues.ts';
import { signInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import { newUserRequest, setupRequest, userChange } from '@3cx-relay/shared/wire/admin/users.ts';
import { newWallboardRequest, openWallboardRequest } from '@3cx-relay/shared/wire/admin/wallboards.ts';
import { z } from 'zod';

/** What the admin API takes, by route, and something that is right: the OpenAPI document is of the public one alone. */
const BODIES: Readonly<Record<string, { schema: z.ZodType; right?: object }>> = {
  'POST /admin/login': { schema: signInRequest },
  'POST /admin/setup': { schema: setupRequest },
  'POST /admin/account/totp/confirm': { schema: totpConfirmation, right: { code: '123456' } },
  'POST /admin/users': { schema: newUserRequest },
  'PATCH /admin/users/:id': { schema: userChange, right: { role: 'viewer' } },
  'POST /admin/api-keys': {
    schema: newApiKeyRequest,
    right: {
      clientName: 'made',
      permissions: ['read', 'history'],
      dns: ['101'],
      addresses: ['127.0.0.1'],
      limits: { requestsPerSecond: 10 },
    },
  },
  'POST /admin/api-keys/:id/rotate': { schema: rotateApiKeyRequest, right: { overlapMs: 60_000 } },
  'POST /admin/errors/acknowledge': {
    schema: acknowledgeRequest,
    right: { ids: ['00000000_0000000000000001', 'zzzzzzzz_9999999999999999'] },
  },
  'POST /admin/queues/retry': { schema: retryRequest },
  'POST /admin/wallboards': { schema: newWallboardRequest, right: { name: 'Made', expiresInDays: 1 } },
  'POST /admin/wallboards/open': { schema: openWallboardRequest },
};

/** `schema`: JSON Schema. Null where nothing is taken, or an empty object. */
export function adminBody(route: string): { schema: Record<string, unknown>; right: object | null } | null {
  const body = BODIES[route];
  if (!body) return null;
  const schema = z.toJSONSchema(body.schema, { io: 'input', unrepresentable: 'any' });
  return { schema: schema as Record<string, unknown>, right: body.right ?? null };
}
