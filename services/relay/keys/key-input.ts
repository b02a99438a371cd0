import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { KeyRestrictions } from '@3cx-relay/shared/store/api-keys.ts';
import { firstIssue } from '@3cx-relay/shared/wire/client-messages.ts';
import { PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import { z } from 'zod';
import { isAddressRange } from './address-list.ts';

/** What was asked for cannot be; `field` says where. */
export class KeyInputError extends OperatorError {
  readonly field: string;

  constructor(field: string, rule: string) {
    super('API_KEY_INVALID', `${field} ${rule}`);
    this.field = field;
  }
}

/** What a key may be narrowed to when it is made; what is left out, or null, narrows nothing. */
export interface KeyOptions {
  readonly expiresAt?: Date | null | undefined;
  /** The extensions whose calls it may see, and for which it may command. */
  readonly dns?: readonly string[] | null | undefined;
  /** IP addresses and CIDR ranges, IPv4 and IPv6, that it may be used from. */
  readonly addresses?: readonly string[] | null | undefined;
  readonly limits?: KeyLimits | null | undefined;
}

export interface KeyLimits {
  readonly maxConnections?: number | null | undefined;
  readonly requestsPerSecond?: number | null | undefined;
}

export interface NewKeyInput {
  readonly clientName: string;
  readonly permissions: readonly Permission[];
  readonly createdBy: string;
  readonly restrictions: KeyRestrictions;
}

const NAME_MAX_LENGTH = 100;
const MAX_DNS = 256;
const MAX_ADDRESSES = 64;
const MAX_LIMIT = 1_000_000;
const MAX_OVERLAP_MS = 30 * 24 * 3_600_000;
/** The largest id that PostgreSQL's `integer` holds. */
const MAX_ID = 2_147_483_647;

const GRANTS = `must be some of ${PERMISSIONS.join(', ')}`;
const EXPIRY = 'must be a time in the future, or be left out for a key that does not expire';
const DN = 'must be the number of an extension, for example "101"';
const ADDRESS = 'must be an IP address or a CIDR range, for example 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32';
const LIMIT = `must be a whole number from 1 to ${MAX_LIMIT}, or be left out for the relay's default`;
const ID = 'must be the id of a key, as the list of keys shows it';
const NAME = `must be 1 to ${NAME_MAX_LENGTH} characters without line breaks`;

const name = z
  .string(NAME)
  .trim()
  .min(1, NAME)
  .max(NAME_MAX_LENGTH, NAME)
  .regex(/^\P{Cc}*$/u, NAME);

const permissions = z
  .array(z.enum(PERMISSIONS, { error: issue => `${GRANTS} (it has ${JSON.stringify(issue.input)})` }), GRANTS)
  .min(1, `${GRANTS} (it is empty)`);

const list = (element: z.ZodString, max: number, what: string) =>
  z
    .array(element, `must be a list of ${what}`)
    .min(1, 'must hold at least one, or be left out')
    .max(max, `must hold at most ${max}`)
    .transform(values => [...new Set(values)])
    .nullish();

const limit = z.int(LIMIT).min(1, LIMIT).max(MAX_LIMIT, LIMIT).nullish();

const notKnown = (names: string) => ({
  error: ({ code }: { code: string }) => (code === 'unrecognized_keys' ? `is not known: use ${names}` : undefined),
});

const limits = z.strictObject(
  { maxConnections: limit, requestsPerSecond: limit },
  notKnown('maxConnections, requestsPerSecond'),
);

const newKeyAt = (now: number) =>
  z.strictObject(
    {
      clientName: name,
      permissions,
      createdBy: name,
      expiresAt: z
        .date(EXPIRY)
        .refine(date => date.getTime() > now, EXPIRY)
        .nullish(),
      dns: list(z.string(DN).regex(/^[A-Za-z0-9*#+][A-Za-z0-9._*#+@-]{0,63}$/, DN), MAX_DNS, 'extensions'),
      addresses: list(z.string(ADDRESS).refine(isAddressRange, ADDRESS), MAX_ADDRESSES, 'IP addresses and CIDR ranges'),
      limits: limits.nullish(),
    },
    notKnown('expiresAt, dns, addresses, limits'),
  );

/** @throws OperatorError `API_KEY_INVALID` that names the field and the rule */
export function parseNewKey(
  input: { clientName: string; permissions: readonly string[]; createdBy: string; options: KeyOptions },
  now: number,
): NewKeyInput {
  const { options, ...rest } = input;
  const key = parse(newKeyAt(now), { ...options, ...rest });
  return {
    clientName: key.clientName,
    // In the order in which they are always listed, each once.
    permissions: PERMISSIONS.filter(permission => key.permissions.includes(permission)),
    createdBy: key.createdBy,
    restrictions: {
      expiresAt: key.expiresAt ?? null,
      dns: key.dns ?? null,
      addresses: key.addresses ?? null,
      maxConnections: key.limits?.maxConnections ?? null,
      requestsPerSecond: key.limits?.requestsPerSecond ?? null,
    },
  };
}

const keyId = z.int(ID).min(1, ID).max(MAX_ID, ID);

const OVERLAP = `must be whole milliseconds from 0 to ${MAX_OVERLAP_MS} (30 days)`;

const rotation = z.strictObject({
  keyId,
  overlapMs: z.int(OVERLAP).min(0, OVERLAP).max(MAX_OVERLAP_MS, OVERLAP),
  rotatedBy: name,
});

/** @throws OperatorError `API_KEY_INVALID` */
export function parseRotation(input: z.input<typeof rotation>): z.output<typeof rotation> {
  return parse(rotation, input);
}

const revocation = z.strictObject({ keyId, revokedBy: name });

/** @throws OperatorError `API_KEY_INVALID` */
export function parseRevocation(input: z.input<typeof revocation>): z.output<typeof revocation> {
  return parse(revocation, input);
}

/** Whether this can be the id of a key at all. */
export function isKeyId(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= MAX_ID;
}

/** `input` is what callers in TypeScript are held to, and others not. */
function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const { field, message } = firstIssue(result.error);
  throw new KeyInputError(field.replace(/^permissions\.\d+$/, 'permissions'), message);
}
