import { z } from 'zod';
import { GARBAGE_FORMS } from '../feed/garbage.ts';
import { SCENARIOS, type ScenarioName } from '../pbx/call.ts';

const whole = (what: string, most: number) =>
  z
    .number({ error: `must be ${what}, a number` })
    .int(`must be ${what}, a whole number`)
    .min(0, `must be ${what}, 0 or more`)
    .max(most, `must be ${what}, at most ${most}`);

const spanMs = whole('a time in milliseconds', 86_400_000);
const count = whole('how many times', 10_000_000).min(1, 'must be 1 or more');
export const yesOrNo = z.boolean({ error: 'must be true or false' });
const phone = z.string({ error: 'must be text' }).regex(/^\+?\d{2,20}$/, 'must be digits, with or without a leading +');

const FAULT_KINDS = [
  'drop',
  'stall',
  'dead-sockets',
  'expire-token',
  'reject-upgrade',
  'garbage',
  'http-error',
  'slow',
  'not-found',
  'close',
  'hang-upgrade',
  'lose',
  'storm',
  'reset-sequence',
  'database-down',
  'database-password',
  'database-slow',
] as const;

/** 1006 stands for no close frame at all. */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005) || (code >= 3000 && code <= 4999);
}

/** Other names in use for these, and any way to write a name of two words. */
const SCENARIO_ALIASES: Readonly<Record<string, ScenarioName>> = { blindtransfer: 'transfer' };

function toScenarioName(asked: unknown): unknown {
  if (typeof asked !== 'string') return asked;
  const plain = asked.toLowerCase().replace(/[ _-]/g, '');
  return SCENARIOS.find(name => name.toLowerCase() === plain) ?? SCENARIO_ALIASES[plain] ?? asked;
}

export const callSchema = z.strictObject({
  scenario: z.preprocess(
    toScenarioName,
    z.enum(SCENARIOS, { error: `must be one of ${SCENARIOS.join(', ')} (or ring group, blind transfer)` }),
  ),
  dn: z.string({ error: 'must be text' }).optional(),
  number: phone.optional(),
  waitMs: spanMs.optional(),
  ringMs: spanMs.optional(),
  talkMs: spanMs.optional(),
  answered: yesOrNo.optional(),
  queue: phone.optional(),
  ringGroup: phone.optional(),
  agents: z.array(phone, { error: 'must be a list of extensions' }).min(1, 'must name at least one').optional(),
  answeredBy: phone.optional(),
  busyAgents: z.array(phone, { error: 'must be a list of extensions' }).optional(),
  rounds: whole('how many rounds of polling nobody answers', 100).optional(),
  pauseMs: spanMs.optional(),
  removeFirst: yesOrNo.optional(),
  transferTo: phone.optional(),
  transferAnswered: yesOrNo.optional(),
  digits: z
    .string({ error: 'must be text' })
    .regex(/^[0-9*#]{1,32}$/, 'must be keys: 0 to 9, * and #')
    .optional(),
  segments: whole('how many polling rows the CDR gets', 100_000).optional(),
});

export const trafficSchema = z.strictObject({
  callsPerMinute: z
    .number({ error: 'must be a number, 0 to stop' })
    .min(0, 'must be 0 or more')
    .max(60_000, 'must be at most 60000')
    .optional(),
  timeScale: z
    .number({ error: 'must be a number: 1 is real ring and talk times, 0.1 a tenth of them' })
    .min(0.001, 'must be at least 0.001')
    .max(10, 'must be at most 10')
    .optional(),
});

export const burstSchema = z.strictObject({
  events: whole('how many frames to send', 10_000_000).min(1, 'must be 1 or more'),
  perSecond: whole('frames per second', 200_000).min(1, 'must be 1 or more').default(1000),
  cdr: yesOrNo.default(false),
});

export const faultSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS, { error: `must be one of ${FAULT_KINDS.join(', ')}` }),
  count: count.optional(),
  ms: spanMs.optional(),
  status: z
    .number({ error: 'must be an HTTP status' })
    .int('must be an HTTP status')
    .min(400, 'must be an HTTP error status, 400 to 599')
    .max(599, 'must be an HTTP error status, 400 to 599')
    .optional(),
  path: z.string({ error: 'must be text' }).startsWith('/', 'must start with /, for example /callcontrol').optional(),
  answerPings: yesOrNo.optional(),
  bytes: whole('the length of one oversized frame', 64 * 1024 * 1024).optional(),
  texts: z
    .array(z.string({ error: 'must be text' }), { error: 'must be a list of texts' })
    .min(1, 'must hold at least one')
    .optional(),
  form: z.enum(GARBAGE_FORMS, { error: `must be one of ${GARBAGE_FORMS.join(', ')}` }).optional(),
  forever: yesOrNo.optional(),
  code: z
    .number({ error: 'must be a WebSocket close code' })
    .int('must be a WebSocket close code')
    .refine(isCloseCode, 'must be 1000 to 1003, 1006 to 1014 or 3000 to 4999')
    .optional(),
  eventType: z.number({ error: 'must be a number' }).int('must be a whole number').optional(),
  dn: z.string({ error: 'must be text' }).optional(),
  keepSequence: yesOrNo.optional(),
  client: z.string({ error: 'must be the id of an API client' }).optional(),
});

export const tokenSchema = z.strictObject({
  expiresInUnit: z.enum(['minutes', 'seconds'], { error: 'must be minutes (up to 20.0.8) or seconds' }).optional(),
  lifeMs: spanMs.min(1, 'must be 1 or more').optional(),
  closeSockets: yesOrNo.optional(),
  oneTokenPerPbx: yesOrNo.optional(),
  badClientStatus: z.union([z.literal(400), z.literal(401)], { error: 'must be 400 or 401' }).optional(),
  socketScheme: z.enum(['bearer', 'basic'], { error: 'must be bearer or basic' }).optional(),
  opaque: yesOrNo.optional(),
});

export const clientSchema = z.strictObject({
  id: z.string({ error: 'must be the client id, a text' }).min(1, 'must not be empty'),
  secret: z.string({ error: 'must be text' }).min(1, 'must not be empty').optional(),
  dns: z.array(phone, { error: 'must be a list of extensions, or null for all of them' }).nullable().optional(),
  hasCallControl: yesOrNo.optional(),
  hasXapi: yesOrNo.optional(),
  role: z.enum(['system_owner', 'user'], { error: 'must be system_owner or user' }).optional(),
});

export const licenceSchema = z.strictObject({
  enterprise: yesOrNo.optional(),
  status: z.union([z.literal(403), z.literal(404)], { error: 'must be 403 or 404' }).optional(),
});

export const pageSchema = z.object({
  after: z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(0, 'must be 0 or more')
    .default(0),
  limit: z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(1, 'must be 1 or more')
    .max(50_000, 'must be at most 50000')
    .default(10_000),
});

/** `client`: `delivered` then speaks of this API client's sockets only. */
export const framesSchema = pageSchema.extend({ client: z.string().optional() });
