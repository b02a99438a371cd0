import { z } from 'zod';

/**
 * What is asked of the PBX on a live call, and what can come of it. The relay writes the command, ingest alone executes
 * it, at most once.
 *
 * Everything a PBX may answer is a value here, because the caller has to be told which of three things is true: it was
 * done, it was certainly not done, or nobody can say (`unknown`).
 */
export const CALL_ACTIONS = [
  'makecall',
  'drop',
  'answer',
  'divert',
  'routeto',
  'transferto',
  'attach_participant_data',
  'attach_party_data',
] as const;

export type CallAction = (typeof CALL_ACTIONS)[number];

/** Who asked, for the audit. `id` is the number of the API key or of the user. */
export const actor = z.strictObject({
  kind: z.enum(['api_key', 'admin', 'system']),
  id: z.string().max(64),
  name: z.string().max(200),
});

export type Actor = z.infer<typeof actor>;

export const callCommand = z.strictObject({
  /** Named by the relay; the same id is executed once. */
  commandId: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/),
  action: z.enum(CALL_ACTIONS),
  dn: z.string().min(1).max(64),
  participantId: z.int().nonnegative().optional(),
  deviceId: z.string().min(1).max(512).optional(),
  destination: z.string().min(1).max(128).optional(),
  reason: z.string().max(64).optional(),
  timeoutSeconds: z.int().positive().optional(),
  attachedData: z.record(z.string(), z.string()).optional(),
  actor,
  address: z.string().max(64).nullable(),
  idempotencyKey: z.string().max(255).optional(),
  /** Unix ms after which it must not be executed any more: a caller that gave up has made other plans. */
  expiresAt: z.int(),
});

export type CallCommand = z.infer<typeof callCommand>;

export const PBX_REFUSALS = ['pbx_forbidden', 'pbx_gone', 'pbx_not_possible', 'pbx_rejected'] as const;

export const callCommandResult = z.discriminatedUnion('outcome', [
  z.strictObject({
    outcome: z.literal('done'),
    /** The PBX's own object, untouched; null when it sent none. */
    participant: z.record(z.string(), z.unknown()).nullable(),
    /** Null when the PBX accepted and said nothing of the kind. */
    finalstatus: z.literal('success').nullable(),
  }),
  /** The PBX answered no. */
  z.strictObject({
    outcome: z.literal('refused'),
    code: z.enum(PBX_REFUSALS),
    status: z.int(),
    /** The PBX's own words; empty when it gave none. */
    reason: z.string(),
  }),
  /** It was never put to the PBX, or nobody is there to do it; certainly not executed. */
  z.strictObject({ outcome: z.literal('failed'), code: z.string(), message: z.string() }),
  z.strictObject({ outcome: z.literal('expired') }),
  /** It may have been executed. */
  z.strictObject({ outcome: z.literal('unknown'), message: z.string() }),
]);

export type CallCommandResult = z.infer<typeof callCommandResult>;
