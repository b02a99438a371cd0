import { z } from 'zod';
import { PERMISSIONS } from '../permissions.ts';

export const API_KEY_STATES = ['active', 'expired', 'revoked', 'rotated'] as const;

const time = z.iso.datetime();

export const listedApiKey = z.object({
  id: z.int(),
  clientName: z.string(),
  prefix: z.string(),
  permissions: z.array(z.string()),
  /** False once revoked. */
  active: z.boolean(),
  /** `rotated`: another key is in its place, and it is in force until `expiresAt`. */
  state: z.enum(API_KEY_STATES),
  createdAt: time,
  createdBy: z.string().nullable(),
  lastUsedAt: time.nullable(),
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  revokedBy: z.string().nullable(),
  dns: z.array(z.string()).nullable(),
  addresses: z.array(z.string()).nullable(),
  maxConnections: z.int().nullable(),
  requestsPerSecond: z.int().nullable(),
  replacedBy: z.int().nullable(),
  /** Open now, at all instances that answered; null: nobody could be asked. */
  connections: z.int().nullable(),
  /** In the last 24 whole hours and the one that runs. */
  requests24h: z.number(),
});

export type ListedApiKeyAnswer = z.infer<typeof listedApiKey>;

/** `incomplete` says in words what is not known of the connections; null: all is. */
export const apiKeysAnswer = z.object({ apiKeys: z.array(listedApiKey), incomplete: z.string().nullable() });

export type ApiKeysAnswer = z.infer<typeof apiKeysAnswer>;

const texts = z.array(z.string(), 'must be a list of texts').nullish();
const limit = z.number('must be a whole number, or be left out').nullish();

/** What the fields may hold is decided where keys are made (services/relay/keys/key-input.ts); this is their shape. */
export const newApiKeyRequest = z.strictObject({
  clientName: z.string('is required: a name for whoever uses the key'),
  permissions: z.array(z.string(), `must be a list, of ${PERMISSIONS.join(', ')}`),
  expiresAt: z.iso.datetime({ offset: true, error: 'must be a time such as 2027-01-31T00:00:00Z' }).nullish(),
  dns: texts,
  addresses: texts,
  limits: z.strictObject({ maxConnections: limit, requestsPerSecond: limit }).nullish(),
});

export type NewApiKeyRequest = z.infer<typeof newApiKeyRequest>;

/** `apiKey` is told this once. */
export const newApiKeyAnswer = z.object({
  id: z.int(),
  apiKey: z.string(),
  prefix: z.string(),
  clientName: z.string(),
  permissions: z.array(z.string()),
  expiresAt: time.nullable(),
});

export type NewApiKeyAnswer = z.infer<typeof newApiKeyAnswer>;

export const rotateApiKeyRequest = z.strictObject({
  overlapMs: z.number('is required: for how many ms the old key goes on, 0 to end it at once'),
});

export const rotatedApiKeyAnswer = z.object({
  id: z.int(),
  apiKey: z.string(),
  prefix: z.string(),
  oldExpiresAt: time,
});

export type RotatedApiKeyAnswer = z.infer<typeof rotatedApiKeyAnswer>;

const usageFigures = {
  requests: z.number(),
  /** Answers of 400 and above. */
  errors: z.number(),
  /** Null when there were no requests. */
  meanMs: z.number().nullable(),
  maxMs: z.number(),
  bytes: z.number(),
};

export const apiKeyUsageAnswer = z.object({
  from: time,
  to: time,
  by: z.enum(['hour', 'day']),
  total: z.object(usageFigures),
  /** In order; a period in which nothing was asked is absent. Days are those of UTC. */
  periods: z.array(z.object({ at: time, ...usageFigures })),
  byStatus: z.array(z.object({ status: z.int(), requests: z.number() })),
  /** Most requests first. */
  byEndpoint: z.array(z.object({ endpoint: z.string(), requests: z.number(), meanMs: z.number().nullable() })),
});

export type ApiKeyUsageAnswer = z.infer<typeof apiKeyUsageAnswer>;
