import type { CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CommandRequest, createCommandDesk } from '../../services/relay/public/commands/command-desk.ts';
import type { ProblemError } from '../../services/relay/public/problem-error.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The relay's side of commands, with a worker of the test in the place of ingest. */
const logger = createLogger({ name: 'test', level: 'silent' });
const nothing = async () => {
  throw new Error('not asked in this test');
};

let stand: Awaited<ReturnType<typeof createStand>>;
let execute: (command: CallCommand) => Promise<CallCommandResult>;

async function createStand() {
  const { url, pbxId } = await createTestRedis();
  const keys = createLogKeys(pbxId);
  const connection = connectForJobs(url, { name: 'test', logger });
  const { redis } = connection;
  const queue = createJobQueue('pbx', { connection, keys, logger });
  const worker = createJobWorker({
    connection,
    keys,
    logger,
    queue: 'pbx',
    concurrency: 8,
    handlers: {
      'call-command': command => execute(command),
      'check-connections': nothing,
      reconnect: nothing,
      'active-calls': nothing,
      'call-records': nothing,
      'agent-states': nothing,
    },
  });
  const records: AuditRecord[] = [];
  const audit = { write: (record: AuditRecord) => void records.push(record), stop: async () => undefined };
  const desk = createCommandDesk(
    { redis, keys, queue, audit },
    { maxCommands: 8, timeoutMs: 2_000, maxIdempotencyKeys: 20 },
  );
  const submit = (idempotencyKey?: string, more: Partial<CommandRequest> = {}) =>
    desk.submit({
      action: 'makecall',
      subject: '101',
      body: { destination: '102' },
      actor: { kind: 'api_key', id: '1', name: 'test' },
      dns: null,
      address: null,
      idempotencyKey,
      ...more,
    });
  return {
    keys,
    redis,
    records,
    submit,
    async stop() {
      await worker.stop();
      await queue.stop();
      await connection.stop();
    },
  };
}

beforeEach(async () => {
  stand = await createStand();
  await waitFor(() => stand.redis.status === 'ready', { what: 'Redis' });
});

afterEach(() => stand.stop());

const done: CallCommandResult = { outcome: 'done', participant: null, finalstatus: 'success' };

test('a command whose run broke is on record as one of which nobody knows', async () => {
  execute = async () => {
    throw new Error('Redis went away in between');
  };
  expect(await stand.submit()).toMatchObject({ status: 504, body: { code: 'pbx_timeout' } });
  expect(stand.records).toMatchObject([{ action: 'call.make', target: '101', outcome: 'unknown' }]);
});

test('what an idempotency key stands for always has an end', async () => {
  execute = async () => {
    await stand.redis.del(...(await remembered()));
    return done;
  };
  expect(await stand.submit('one')).toMatchObject({ status: 202 });
  expect(await remembered()).toEqual([]);
  execute = async () => done;
  expect(await stand.submit('two')).toMatchObject({ status: 202 });
  for (const key of await remembered()) expect(await stand.redis.ttl(key)).toBeGreaterThan(80_000);
  expect(await remembered()).toHaveLength(1);
});

test('of two equal requests at once one command is made, whichever comes first', async () => {
  const ran: string[] = [];
  execute = async ({ commandId }) => {
    ran.push(commandId);
    return done;
  };
  const answers = await Promise.all(Array.from({ length: 6 }, () => stand.submit('same')));
  expect(ran).toHaveLength(1);
  expect(new Set(answers.map(({ body }) => body.commandId))).toEqual(new Set(ran));
});

/** As much as a body may hold. */
const LARGE = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`name ${n}`, 'x'.repeat(1_024)]));
const attach: Partial<CommandRequest> = {
  action: 'attach_participant_data',
  subject: '101:999',
  body: { attachedData: LARGE },
};

test('what an idempotency key leaves in Redis is small, whatever was sent with it and whatever came of it', async () => {
  execute = async () => ({ outcome: 'refused', code: 'pbx_gone', status: 404, reason: '' });
  const first = await stand.submit('one', attach);
  expect(first).toMatchObject({ status: 404, body: { code: 'pbx_gone' } });
  execute = async () => done;
  expect(await stand.submit('two', attach)).toMatchObject({ status: 202 });
  execute = async () => {
    await new Promise(resolve => setTimeout(resolve, 4_000));
    return done;
  };
  expect(await stand.submit('three', attach)).toMatchObject({ status: 504 });
  const names = await remembered();
  expect(names).toHaveLength(3);
  for (const name of names) expect(await stand.redis.memory('USAGE', name)).toBeLessThan(2_048);
  // And what is kept is enough to answer the same, and to know that it was for another request.
  execute = async () => Promise.reject(new Error('asked again'));
  expect(await stand.submit('one', attach)).toEqual(first);
  await expect(stand.submit('one')).rejects.toMatchObject({ problem: { code: 'idempotency_conflict' } });
  await waitFor(async () => (await stand.submit('three', attach)).status === 202, { what: 'what came of the third' });
});

test('an owner has so many idempotency keys at most, and one that is known or another owner is not kept out', async () => {
  execute = async () => done;
  const answers = await Promise.all(Array.from({ length: 7 }, (_, n) => stand.submit(`first ${n}`)));
  for (let n = 7; n < 20; n += 1) await stand.submit(`first ${n}`);
  const full = await stand.submit('one more').catch((error: ProblemError) => error.problem);
  expect(full).toMatchObject({ status: 429, code: 'too_many_idempotency_keys' });
  const { retryAfterMs } = full as { retryAfterMs: number };
  expect([retryAfterMs > 86_000_000, retryAfterMs <= 86_400_000]).toEqual([true, true]);
  expect(stand.records).toMatchObject([{ outcome: 'not_executed', details: { code: 'too_many_idempotency_keys' } }]);
  expect(await stand.submit('first 0')).toEqual(answers[0]);
  expect(await stand.submit()).toMatchObject({ status: 202 });
  const other = { kind: 'api_key', id: '2', name: 'other' } as const;
  expect(await stand.submit('one more', { actor: other })).toMatchObject({ status: 202 });
});

test('a command that was certainly not executed takes no place among the idempotency keys', async () => {
  execute = async () => ({ outcome: 'failed', code: 'pbx_unreachable', message: 'no route' });
  for (let n = 0; n < 25; n += 1) expect(await stand.submit(`lost ${n}`)).toMatchObject({ status: 503 });
  execute = async () => done;
  expect(await stand.submit('lost 1')).toMatchObject({ status: 202 });
});

async function remembered(): Promise<string[]> {
  return stand.redis.keys(stand.keys.idempotency('*', '*').replace(/[{}]/g, '?'));
}
