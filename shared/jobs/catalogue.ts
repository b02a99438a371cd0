import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { CHANNELS } from '../wire/channels.ts';
import { actor, callCommand, callCommandResult } from './call-command.ts';
import { RECONNECTABLE, reconnectResult } from './component-state.ts';
import { agentStatesResult, callRecordsRequest, callRecordsResult, recordPageRequest } from './record-page.ts';

/**
 * Every job there is: its queue, what it carries, what it answers, and what becomes of it. A payload is checked when it
 * is added and again when it runs, an answer when it is given and again when it is read, because the two sides may be
 * different versions of the product.
 */
export type QueueName = 'persist' | 'upkeep' | 'pbx';

/**
 * Scheduled jobs: one that failed is not tried again, its next run does the same work. Enough is kept to see what went on;
 * jobs that repeat every second must not fill Redis.
 */
const REPEATED: JobsOptions = { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 100 } };

/** Jobs that nobody schedules and nobody waits for: one that failed stays until somebody retries it. */
const KEPT: JobsOptions = { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 100 } };

/** Somebody waits for the answer, so that nobody retries it for him; who asks twice finds it for a while. It holds telephone numbers, so not for long. */
const ASKED: JobsOptions = { attempts: 1, removeOnComplete: { age: 600, count: 1_000 }, removeOnFail: { age: 600 } };

/** As long as the asker needs to read it: he asks once, and a list of calls is large. */
const READ: JobsOptions = {
  attempts: 1,
  removeOnComplete: { age: 30, count: 20 },
  removeOnFail: { age: 30, count: 20 },
};

/** What a job without an answer leaves in Redis. */
const nothing = z.null();

export const JOBS = {
  /** Copies a channel of the log to PostgreSQL until nothing is left. */
  'drain-channel': {
    queue: 'persist',
    payload: z.strictObject({ channel: z.enum(CHANNELS) }),
    result: nothing,
    options: REPEATED,
  },
  /** Seals what is persisted of a channel into segments of the index. */
  'index-events': {
    queue: 'upkeep',
    payload: z.strictObject({ channel: z.enum(CHANNELS) }),
    result: nothing,
    options: REPEATED,
  },
  /** Tries once more what PostgreSQL refused. */
  'retry-dead-letters': {
    queue: 'upkeep',
    payload: z.strictObject({}),
    result: z.strictObject({ resolved: z.int(), refused: z.int() }),
    options: KEPT,
  },
  /** Removes from Redis what is persisted and too old or too much, and what there is no room for. */
  'trim-log': { queue: 'upkeep', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Creates the months to come and drops those past retention. */
  'keep-months': { queue: 'upkeep', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Makes the calls of entries that a release without them copied. */
  'fill-past-calls': { queue: 'upkeep', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Writes down outside the database where the chain of the audit ends. */
  'anchor-audit': { queue: 'upkeep', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Removes from the beginning of the chain what is past retention. */
  'seal-audit': { queue: 'upkeep', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Proves the audit, and writes down what that came to. */
  'verify-audit': {
    queue: 'upkeep',
    payload: z.strictObject({ requestedBy: actor, address: z.string().max(64).nullable() }),
    result: nothing,
    options: KEPT,
  },
  /** Samples every component that ingest is connected to. */
  'check-connections': { queue: 'pbx', payload: z.strictObject({}), result: nothing, options: REPEATED },
  /** Gives a connection up and makes it anew. */
  reconnect: {
    queue: 'pbx',
    payload: z.strictObject({
      component: z.enum(RECONNECTABLE),
      requestedBy: actor,
      address: z.string().max(64).nullable(),
    }),
    result: reconnectResult,
    options: ASKED,
  },
  /** One command of call control. */
  'call-command': { queue: 'pbx', payload: callCommand, result: callCommandResult, options: ASKED },
  /** Asks XAPI, not the projection, which calls there are. */
  'active-calls': {
    queue: 'pbx',
    payload: z.strictObject({}),
    result: z.discriminatedUnion('ok', [
      z.strictObject({ ok: z.literal(true), calls: z.array(z.record(z.string(), z.unknown())) }),
      z.strictObject({ ok: z.literal(false), code: z.string(), message: z.string() }),
    ]),
    options: READ,
  },
  /** One page of call records: from the PBX's database or from XAPI. */
  'call-records': { queue: 'pbx', payload: callRecordsRequest, result: callRecordsResult, options: READ },
  /** One page of what the agents did, from the PBX's database. */
  'agent-states': { queue: 'pbx', payload: recordPageRequest, result: agentStatesResult, options: READ },
} as const satisfies Record<string, { queue: QueueName; payload: z.ZodType; result: z.ZodType; options: JobsOptions }>;

export type JobName = keyof typeof JOBS;

export type JobPayload<Name extends JobName> = z.infer<(typeof JOBS)[Name]['payload']>;

export type JobResult<Name extends JobName> = z.infer<(typeof JOBS)[Name]['result']>;

export type JobNameIn<Queue extends QueueName> = {
  [Name in JobName]: (typeof JOBS)[Name]['queue'] extends Queue ? Name : never;
}[JobName];

/** False for what somebody asked for and waited for: he has gone, or asked again. */
export function isRetriable(name: JobName): boolean {
  const { options } = JOBS[name];
  return options === REPEATED || options === KEPT;
}

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOBS, name);
}
