import { z } from 'zod';

/** The worst first. */
export const ERROR_SEVERITIES = ['critical', 'error', 'warning', 'info'] as const;

export const errorSeverity = z.enum(ERROR_SEVERITIES, { error: `must be one of ${ERROR_SEVERITIES.join(', ')}` });

const details = z.record(z.string(), z.unknown());

/** Occurrences of the same error until somebody acknowledges it. */
export const errorGroup = z.object({
  id: z.string(),
  lastId: z.string(),
  fingerprint: z.string(),
  /** The latest occurrence, whose are severity, message, details and service. */
  timestamp: z.iso.datetime(),
  firstSeen: z.iso.datetime(),
  component: z.string(),
  severity: errorSeverity,
  message: z.string(),
  details,
  service: z.string().nullable(),
  count: z.number(),
  acknowledged: z.boolean(),
  acknowledgedBy: z.string().nullable(),
  acknowledgedAt: z.iso.datetime().nullable(),
});

export type ErrorGroupAnswer = z.infer<typeof errorGroup>;

/** `GET /admin/errors`, newest first. `next` is the `cursor` of the next page. */
export const errorsAnswer = z.object({
  errors: z.array(errorGroup),
  next: z.string().nullable(),
  /** Why some may be missing, as a sentence. */
  incomplete: z.string().nullable(),
});

export type ErrorsAnswer = z.infer<typeof errorsAnswer>;

export const errorSample = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  severity: errorSeverity,
  message: z.string(),
  details,
  service: z.string().nullable(),
  /** So many more of the same were counted and not written. */
  suppressed: z.number(),
});

export type ErrorSample = z.infer<typeof errorSample>;

/** `GET /admin/errors/:id`, the newest occurrences first. */
export const errorDetailAnswer = z.object({
  error: errorGroup,
  samples: z.array(errorSample),
  incomplete: z.string().nullable(),
});

export type ErrorDetailAnswer = z.infer<typeof errorDetailAnswer>;

/** Most open errors that one request acknowledges by what they are like. */
export const MAX_MATCHING = 10_000;
/** Most errors that one request names. */
export const MAX_ACKNOWLEDGED = 500;
const MAX_TEXT_LENGTH = 200;
const MAX_COMPONENTS = 50;
const MAX_COMPONENT_LENGTH = 50;

/** PostgreSQL takes no U+0000. */
const text = (maxLength: number) =>
  z
    .string()
    .min(1, 'must not be empty, or be left out')
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine(value => !value.includes('\0'), 'must not hold U+0000');

const instant = z.iso.datetime({ offset: true, error: 'must be a time with its zone such as 2026-03-02T09:00:00Z' });

/** What an error must be like; what is left out may be anything. */
export const errorsMatching = z.strictObject({
  severity: z.array(errorSeverity).min(1, 'must hold at least one value, or be left out').optional(),
  component: z
    .array(text(MAX_COMPONENT_LENGTH))
    .min(1, 'must hold at least one value, or be left out')
    .max(MAX_COMPONENTS)
    .optional(),
  /** Part of the message, in whatever case. */
  text: text(MAX_TEXT_LENGTH).optional(),
  from: instant.optional(),
  to: instant.optional(),
});

const ids = z
  .array(z.string().regex(/^\w{1,64}$/, 'must be the id of an error'))
  .min(1, 'must name at least one error')
  .max(MAX_ACKNOWLEDGED, `must name at most ${MAX_ACKNOWLEDGED} errors: use "matching" for more`);

/** `POST /admin/errors/acknowledge`: those named, or all open ones that match. */
export const acknowledgeRequest = z
  .strictObject({ ids: ids.optional(), matching: errorsMatching.optional() })
  .refine(({ ids: named, matching }) => (named === undefined) !== (matching === undefined), {
    error: 'either "ids" or "matching" is required, and not both',
    path: ['ids'],
  });

export type AcknowledgeRequest = z.input<typeof acknowledgeRequest>;

export const acknowledgeAnswer = z.object({
  /** Those that are acknowledged now, those included that were before. */
  acknowledged: z.array(z.string()),
  /** Those that name no error. */
  unknown: z.array(z.string()),
  /** Why some that match may still be open, as a sentence; null when none is. */
  incomplete: z.string().nullable(),
});

export type AcknowledgeAnswer = z.infer<typeof acknowledgeAnswer>;
