import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startService } from '../harness/processes.ts';
import { createTestRedis } from '../harness/redis.ts';
import { adminSecret, startTestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from './fixtures/ingest-stand.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** What each service, as the process it is, writes into channel errors. */
const execute = promisify(execFile);
const also: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of also.splice(0).reverse()) await end();
});

interface Told {
  readonly service: string;
  readonly component: string;
  readonly severity: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
}

function openLog(redisUrl: string, pbxId: string): () => Promise<Told[]> {
  const redis = new Redis(redisUrl);
  also.push(async () => redis.disconnect());
  const keys = createLogKeys(pbxId);
  return async () => {
    const range = { channel: 'errors', from: 0, to: Number.MAX_SAFE_INTEGER, count: 10_000 } as const;
    const entries = await readPage({ redis, keys, epochs: [] }, range);
    return entries.map(entry => (JSON.parse(entry.body) as { data: Told }).data);
  };
}

const shape = (told: readonly Told[]) =>
  told.map(({ service, component, severity }) => `${service} ${component} ${severity}`);

async function toldBy(read: () => Promise<Told[]>, wanted: readonly string[]): Promise<void> {
  const isTold = async () => {
    const told = shape(await read());
    return wanted.every(each => told.includes(each));
  };
  await waitFor(isTold, { what: `errors ${wanted.join(', ')}`, timeoutMs: 20_000 });
}

test('PostgreSQL away and back is told by the worker, whose copies fail, and by the relay', async () => {
  const { url: redisUrl } = await createTestRedis();
  const first = await startTestRelay();
  also.push(() => first.stop());
  const proxy = await startTcpProxy(first.databaseUrl);
  also.push(() => proxy.stop());
  const env = { REDIS_URL: redisUrl, PBX_ID: first.pbxId, DATABASE_URL: proxy.url };
  const worker = await startService('worker', env);
  also.push(() => worker.stop());
  const relay = await startService('relay', { ...env, PORT: '0', ADMIN_SECRET: adminSecret });
  also.push(() => relay.stop());
  const read = openLog(redisUrl, first.pbxId);
  await proxy.cut();
  await toldBy(read, ['worker persist critical', 'relay postgres critical']);
  await proxy.restore();
  await toldBy(read, ['worker persist info', 'relay postgres info']);
  // One list for both, and nothing repeated while it lasted.
  const criticals = (await read()).filter(({ severity }) => severity === 'critical');
  expect(criticals.filter(({ service }) => service === 'relay')).toHaveLength(1);
  expect(criticals.filter(({ service }) => service === 'worker').length).toBeLessThanOrEqual(5);
});

describe('ingest', () => {
  let stand: IngestStand;
  let proxy: TcpProxy;

  beforeAll(async () => {
    proxy = await startTcpProxy((await createTestRedis()).url);
    stand = await createIngestStand({ redisUrl: proxy.url });
  });
  afterAll(async () => {
    await stand.stop();
    await proxy.stop();
  });

  const read = async () =>
    (await stand.entries('errors')).map(entry => (JSON.parse(entry.body) as { data: Told }).data);

  test('tells of a connection that was lost and of its return', async () => {
    await stand.start();
    await stand.sim.post('/sim/faults', { kind: 'drop', ms: 500 });
    await toldBy(read, ['ingest websocket warning', 'ingest websocket info']);
  });

  test('tells of an outage of the log when it is over, with the times at which it was', async () => {
    await stand.renew();
    await proxy.cut();
    const cutAt = Date.now();
    await stand.sim.post('/sim/calls', { scenario: 'missed', dn: '101', ringMs: 50 });
    await waitFor(async () => (await stand.spooled()) > 0, { what: 'frames in the spool' });
    const restoredAt = Date.now();
    await proxy.restore();
    await toldBy(read, ['ingest log critical', 'ingest log info']);
    const critical = (await stand.entries('errors')).find(entry => entry.event === 'error.critical');
    expect(critical?.at).toBeGreaterThanOrEqual(cutAt);
    expect(critical?.at).toBeLessThanOrEqual(restoredAt);
    expect(shape(await read())).toEqual(['ingest log critical', 'ingest log info']);
  });
});

test.each(['throw', 'reject'])('a process that falls (%s) says so before it ends', async how => {
  const { url, pbxId } = await createTestRedis();
  const program = fileURLToPath(new URL('./fixtures/fall.ts', import.meta.url));
  await expect(execute(process.execPath, [program, pbxId, url, how])).rejects.toMatchObject({ code: 1 });
  const told = await openLog(url, pbxId)();
  expect(shape(told)).toEqual(['fall fall critical']);
  expect(told[0]?.details).toMatchObject({ error: { message: 'nobody expected this' } });
});
