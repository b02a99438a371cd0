import { z } from 'zod';

/** What a client may ask, by action. What the PBX calls `attacheddata` and `timeout` has readable names here. */
const dn = z
  .string('must be a string: the number of an extension, for example "101"')
  // Never a dot in front: it becomes a part of a path.
  .regex(/^[A-Za-z0-9*#+][A-Za-z0-9._*#+@-]{0,63}$/, 'must be the number of an extension, for example "101"')
  .describe('The extension that makes the call.');

const destination = z
  .string('must be a string: an extension or a telephone number')
  .trim()
  .min(1, 'must be an extension or a telephone number')
  .max(128, 'must have at most 128 characters')
  .regex(/^\P{Cc}*$/u, 'must not contain control characters')
  .describe('An extension or a telephone number.');

const deviceId = z
  .string('must be a string: a device_id of the extension')
  .min(1, 'must be a device_id of the extension')
  .max(512, 'must have at most 512 characters')
  .regex(/^(?!\.+$)\P{Cc}*$/u, 'must be a device_id of the extension')
  .describe('The device of the extension that calls; without it the PBX chooses.');

const reason = z
  .string()
  .regex(/^[A-Za-z]{1,40}$/, 'must be one of the divert reasons of 3CX, for example "NoAnswer"')
  .describe('A divert reason of 3CX, for example `NoAnswer`.');

const timeout = z
  .int('must be whole seconds')
  .min(1, 'must be at least 1 s')
  .max(600, 'must be at most 600 s')
  .describe('Seconds that it may ring.');

const attachedData = z
  .record(z.string().min(1).max(64), z.string().max(1_024), 'must be an object of strings')
  .refine(data => Object.keys(data).length <= 32, 'must have at most 32 members')
  .describe('Kept by the PBX with the leg or its party: at most 32 strings by name.');

export const callBody = z.strictObject({
  dn,
  destination,
  deviceId: deviceId.optional(),
  timeout: timeout.optional(),
  reason: reason.optional(),
  attachedData: attachedData.optional(),
});

const plain = z.strictObject({ reason: reason.optional(), attachedData: attachedData.optional() });
const redirect = plain.extend({ destination, timeout: timeout.optional() });
const attach = z.strictObject({ attachedData });

/** The actions on a participant, each a route of its own. */
export const ACTION_BODIES = {
  drop: plain,
  answer: plain,
  divert: redirect,
  routeto: redirect,
  transferto: redirect,
  attach_participant_data: attach,
  attach_party_data: attach,
} as const;

export type ParticipantAction = keyof typeof ACTION_BODIES;

/** `8107`, or `101:8107` when the extension is known. */
export const participantName = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9*#+][A-Za-z0-9._*#+@-]{0,63}:)?\d{1,15}$/,
    'must be the id of a participant, for example 8107 or 101:8107',
  )
  .describe('Its id, or `<dn>:<id>`.');

export const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .describe('Same key and same request, same answer: the command is executed once. Kept 24 hours.');
