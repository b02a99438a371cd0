import type { CallCommand, CallCommandResult } from '@3cx-relay/shared/jobs/call-command.ts';
import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import type { AuditRecord } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommandDesk } from '../../services/relay/public/commands/command-desk.ts';
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
  const desk = createCommandDesk({ redis, keys, queue, audit }, { maxCommands: 8, timeoutMs: 2_000 });
  const submit = (idempotencyKey?: string) =>
    desk.submit({
      action: 'makecall',
      subject: '101',
      body: { destination: '102' },
      actor: { kind: 'api_key', id: '1', name: 'test' },
      dns: null,
      address: null,
      idempotencyKey,
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

async function remembered(): Promise<string[]> {
  return stand.redis.keys(stand.keys.idempotency('*', '*').replace(/[{}]/g, '?'));
}
