import { z } from 'zod';
import { CALL_STATES, DIRECTIONS } from '../call.ts';

/** What opens the wallboard on a screen where nobody signs in; the token stands in the link, then in this cookie. */
export const WALLBOARD_COOKIE = 'wallboard_token';

export const MAX_WALLBOARD_DAYS = 90;
const MAX_NAME_LENGTH = 100;

const time = z.iso.datetime();

export const wallboard = z.object({
  id: z.int(),
  name: z.string(),
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time,
  /** To the minute. */
  lastSeenAt: time.nullable(),
  revokedAt: time.nullable(),
});

export type Wallboard = z.infer<typeof wallboard>;

export const wallboardsAnswer = z.object({ wallboards: z.array(wallboard) });

export const newWallboardRequest = z.strictObject({
  name: z
    .string('is required')
    .trim()
    .min(1, 'is required')
    .max(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`),
  expiresInDays: z
    .int(`must be a whole number from 1 to ${MAX_WALLBOARD_DAYS}`)
    .min(1, 'must be at least 1')
    .max(MAX_WALLBOARD_DAYS, `must be at most ${MAX_WALLBOARD_DAYS}`),
});

export type NewWallboardRequest = z.infer<typeof newWallboardRequest>;

/** `token` and the `path` with it, relative to the panel, are told this once. */
export const newWallboardAnswer = z.object({ id: z.int(), token: z.string(), path: z.string(), expiresAt: time });

export type NewWallboardAnswer = z.infer<typeof newWallboardAnswer>;

export const openWallboardRequest = z.strictObject({
  token: z.string('is required').max(256, 'must have at most 256 characters'),
});

export const openWallboardAnswer = z.object({ name: z.string(), expiresAt: time });

export type OpenWallboardAnswer = z.infer<typeof openWallboardAnswer>;

/** Of an outside party the last two digits alone, and no name: whoever passes by reads the screen. */
const boardParty = z.object({ dn: z.string().nullable(), number: z.string().nullable() });

export const boardCall = z.object({
  callId: z.string(),
  state: z.enum(CALL_STATES),
  direction: z.enum(DIRECTIONS).nullable(),
  startedAt: time.nullable(),
  ringingAt: time.nullable(),
  answeredAt: time.nullable(),
  caller: boardParty,
  callee: boardParty,
  /** Extensions that are in it. */
  dns: z.array(z.string()),
  via: z.object({ dn: z.string(), type: z.enum(['queue', 'ring_group']) }).nullable(),
});

export type BoardCall = z.infer<typeof boardCall>;

const boardQueue = z.object({
  dn: z.string(),
  type: z.enum(['queue', 'ring_group']),
  /** Calls that nobody has answered yet … */
  waiting: z.int(),
  /** … and since when the one that waits longest does. */
  waitingSince: time.nullable(),
  /** Calls that came through it and were answered. */
  talking: z.int(),
});

export const board = z.object({
  asOf: time,
  position: z.string().nullable(),
  /** The oldest first. */
  calls: z.array(boardCall),
  /** How many more there are than `calls` lists; they are counted in the rest. */
  moreCalls: z.int(),
  waiting: z.int(),
  waitingSince: time.nullable(),
  queues: z.array(boardQueue),
  /** Calls that began today and have ended, as persisted; null while PostgreSQL is away. */
  today: z
    .object({
      calls: z.number(),
      answered: z.number(),
      missed: z.number(),
      abandoned: z.number(),
      answeredShare: z.number().nullable(),
      meanRingMs: z.number().nullable(),
    })
    .nullable(),
});

export type Board = z.infer<typeof board>;
