import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { deadLettersAnswer, queuesAnswer } from '@3cx-relay/shared/wire/admin/queues.ts';
import { verificationAnswer } from '@3cx-relay/shared/wire/admin/verification.ts';
import { Queue, Worker } from 'bullmq';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServiceProcess, startService } from '../../harness/processes.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** What the jobs are at, what was refused, and the proof of the audit, with a real worker. */
let relay: TestRelay;
let worker: ServiceProcess;
let database: pg.Client;
let admin: SignedInTester;
let viewer: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay();
  database = new pg.Client({ connectionString: relay.databaseUrl });
  await database.connect();
  [admin, viewer] = await Promise.all([signInAs(relay), signInAs(relay, { role: 'viewer' })]);
}, 60_000);

afterAll(async () => {
  if (worker?.isAlive()) await worker.stop();
  await database?.end();
  await relay?.stop();
});

test('a failed command shows its number to admins only, and is not tried again', async () => {
  const { hostname: host, port } = new URL(relay.redisUrl);
  const options = { connection: { host, port: Number(port) }, prefix: createLogKeys(relay.pbxId).jobs };
  const queue = new Queue('pbx', options);
  const job = await queue.add('call-command', { commandId: 'c12345678', dn: '101', destination: '+49301234567' });
  const failing = new Worker('pbx', async () => Promise.reject(new Error('the PBX knows no 0301234567')), {
    ...options,
    connection: { ...options.connection, maxRetriesPerRequest: null },
  });
  const failedFor = async (who: SignedInTester) =>
    queuesAnswer.parse((await who.browser('GET', '/admin/queues')).body).failed[0];
  const forAdmin = await waitFor(() => failedFor(admin), { what: 'the failed job' });
  await failing.close();
  await queue.close();
  expect(forAdmin).toMatchObject({ id: job.id, data: { destination: '+49301234567' }, isRetriable: false });
  expect(await failedFor(viewer)).toMatchObject({
    ...{ data: { commandId: 'c12345678', dn: '101', destination: '•••67' }, reason: 'the PBX knows no •••67' },
  });
  const retry = await admin.browser('POST', '/admin/queues/retry', { queue: 'pbx', id: job.id });
  expect([retry.status, retry.body.code]).toEqual([404, 'not_found']);
  expect((await admin.browser('POST', '/admin/queues/retry', { all: true })).body).toEqual({ retried: 0 });
  expect((await viewer.browser('POST', '/admin/queues/retry', { all: true })).body.code).toBe('forbidden');
  expect((await admin.browser('POST', '/admin/queues/retry', { queue: 'x' })).status).toBe(400);
});

test('what PostgreSQL refused is listed by whether it was taken since', async () => {
  await database.query(
    `INSERT INTO dead_letters (channel, epoch, seq, type, body, target, reason, resolved_at)
     SELECT 'calls', 'm5k2h7qa', n, 'call_event', 'x', 'calls', 'too long', CASE WHEN n = 2 THEN now() END
     FROM generate_series(1, 3) n`,
  );
  const list = async (query: string) =>
    deadLettersAnswer.parse((await viewer.browser('GET', `/admin/dead-letters?${query}`)).body);
  const first = await list('limit=2');
  expect(first.deadLetters.map(({ position }) => position.slice(-1))).toEqual(['3', '2']);
  expect((await list(`before=${first.next}`)).deadLetters).toHaveLength(1);
  expect((await list('resolved=true')).deadLetters).toHaveLength(1);
  expect((await list('resolved=false')).deadLetters).toHaveLength(2);
  expect((await viewer.browser('GET', '/admin/dead-letters?channel=x')).body.field).toBe('channel');
});

test('the audit is proved by the worker when an admin asks, and what that came to is kept', {
  timeout: 60_000,
}, async () => {
  const path = '/admin/audit/verification';
  const read = async () => verificationAnswer.parse((await viewer.browser('GET', path)).body);
  expect((await read()).state).toBe('never');
  expect((await viewer.browser('POST', path, {})).body.code).toBe('forbidden');
  const asked = await admin.browser('POST', path, {});
  expect([asked.status, asked.body.state, asked.body.startedAt]).toEqual([202, 'running', null]);
  worker = await startService('worker', {
    ...{ PBX_ID: relay.pbxId, REDIS_URL: relay.redisUrl, DATABASE_URL: relay.databaseUrl },
  });
  const workerPid = async () => {
    const { services } = (await viewer.browser('GET', '/admin/about')).body;
    return services.find(({ service }: { service: string }) => service === 'worker').pid;
  };
  await waitFor(async () => (await workerPid()) === worker.pid, { what: 'the worker to say that it runs' });
  const until = (state: string) =>
    waitFor(
      async () => {
        const answer = await read();
        return answer.state === state && answer;
      },
      { what: `the audit to be ${state}`, timeoutMs: 25_000, everyMs: 100 },
    );
  expect(await until('intact')).toMatchObject({ requestedBy: admin.user.username, problems: [] });
  const entry = await waitFor(
    async () => (await database.query(`SELECT outcome FROM audit_log WHERE action = 'audit.verify'`)).rows[0],
    { what: 'its entry of the audit', timeoutMs: 20_000 },
  );
  expect(entry).toEqual({ outcome: 'intact' });

  await database.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
  await database.query(`UPDATE audit_log SET outcome = 'other' WHERE action = 'audit.verify'`);
  await admin.browser('POST', path, {});
  expect((await until('broken')).problems).toMatchObject([{ what: expect.stringMatching(/content|hash/) }]);
});
