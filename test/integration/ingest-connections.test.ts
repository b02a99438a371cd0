import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from './fixtures/ingest-stand.ts';

/** What ingest, as the process it is, says of its connections, and that it wants its spool folder for itself. */
const logger = createLogger({ name: 'test', level: 'silent' });

let stand: IngestStand;
const also: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  stand = await createIngestStand();
});

afterAll(async () => {
  for (const end of also.splice(0).reverse()) await end();
  await stand.stop();
});

async function createLooks(): Promise<() => Promise<void>> {
  const { url } = await createTestRedis();
  const connection = connectForJobs(url, { name: 'test', logger });
  const queue = createJobQueue('pbx', { connection, keys: stand.keys, logger });
  also.push(async () => {
    await queue.stop();
    await connection.stop();
  });
  return async () => {
    const asked = await queue.run('check-connections', {}, { timeoutMs: 10_000, takeWithinMs: 10_000 });
    expect(asked.kind).toBe('answered');
  };
}

async function told(): Promise<string[]> {
  const bodies = (await stand.entries('errors')).map(entry => JSON.parse(entry.body));
  return bodies.map(({ data }) => `${data.component} ${data.severity}`);
}

async function lastSeen(component: string): Promise<string | undefined> {
  const bodies = (await stand.entries('health')).map(entry => JSON.parse(entry.body));
  return bodies.findLast(({ event, data }) => event === 'health.sample' && data.component === component)?.data.state;
}

test('an XAPI that goes down is told once, its return once, and a killed ingest repeats neither', async () => {
  const look = await createLooks();
  const first = await stand.start();
  await look();
  await stand.sim.post('/sim/faults', { kind: 'http-error', status: 503, path: '/xapi', count: 100_000 });
  await waitFor(
    async () => {
      await look();
      // Channels are written side by side: who is killed between the two may tell again what nobody knows he saw.
      return (await told()).includes('xapi error') && (await lastSeen('xapi')) === 'down';
    },
    { what: 'the outage to be told', timeoutMs: 20_000, everyMs: 2_600 },
  );
  await first.kill();
  await stand.start();
  await look();
  await stand.sim.request('DELETE', '/sim/faults');
  await waitFor(
    async () => {
      await look();
      return (await told()).includes('xapi info');
    },
    { what: 'the return to be told', timeoutMs: 20_000, everyMs: 2_600 },
  );
  expect((await told()).filter(line => line.startsWith('xapi'))).toEqual(['xapi error', 'xapi info']);
}, 60_000);

test('a second ingest on the same spool folder ends at once and says why; a killed one leaves the folder', async () => {
  const first = await stand.renew();
  await expect(stand.start()).rejects.toThrow(/spool folder .* is in use by another ingest \(pid \d+/);
  expect(first.isAlive()).toBe(true);
  await first.kill();
  const second = await stand.start();
  expect(second.isAlive()).toBe(true);
});
