import { expect, onTestFinished, test } from 'vitest';
import { databaseUrl } from '../../harness/infra-access.ts';
import { createSimulator, type SimulatorOptions } from '../simulator.ts';
import { createSimulatorClient, until } from '../simulator-client.ts';
import { uniqueDatabaseName } from './fixtures.ts';

const credentials = { clientId: 'relay', clientSecret: 'correct horse' };

async function startSimulator(options: Partial<SimulatorOptions> = {}) {
  const simulator = await createSimulator({ ...credentials, ...options });
  onTestFinished(() => simulator.stop());
  return createSimulatorClient(simulator.url, credentials);
}

const withDatabase = () => ({
  database: { adminUrl: databaseUrl(), name: uniqueDatabaseName(), isDroppedAtStop: true },
  lateness: { maxMs: 0, updatedShare: 0 },
});
type Described = { state: string; readerUrl: string; rows: { written: number } };

test('a call that was played is in the database, as many rows as it had segments', async () => {
  const client = await startSimulator(withDatabase());
  const describe = async () => (await client.get('/sim/database')).body as Described;
  await until('the database is there', async () => (await describe()).state === 'ready');
  await client.post('/sim/calls', { scenario: 'queue', queue: '800', ringMs: 20, talkMs: 20, segments: 300 });
  await until('the call is over', async () => Object((await client.get('/sim/state')).body).active.length === 0);
  const handedOut = Object((await client.get('/sim/cdr')).body).last;
  expect(handedOut).toBeGreaterThanOrEqual(300);
  await until('the rows are written', async () => (await describe()).rows.written === handedOut);
});

test('a fault of the database is in force when the answer comes, and DELETE ends it', async () => {
  const client = await startSimulator(withDatabase());
  await until('the database is there', async () => Object((await client.get('/sim/database')).body).state === 'ready');
  const faults = async () => Object((await client.get('/sim/faults')).body).faults;
  expect(await client.post('/sim/faults', { kind: 'database-down', ms: 60_000 })).toMatchObject({
    status: 200,
    body: { kind: 'database-down', ms: 60_000 },
  });
  await client.post('/sim/faults', { kind: 'stall', ms: 60_000 });
  expect(await faults()).toMatchObject([{ kind: 'stall' }, { kind: 'database-down' }]);
  await client.request('DELETE', '/sim/faults');
  expect(await faults()).toEqual([]);
});

test('a PBX without a database says so', async () => {
  const client = await startSimulator();
  expect((await client.get('/sim/database')).body).toEqual({ state: 'none' });
  expect(await client.post('/sim/faults', { kind: 'database-down' })).toMatchObject({
    status: 400,
    body: { problems: [{ field: 'kind', message: expect.stringContaining('SIM_DATABASE_URL') }] },
  });
});
