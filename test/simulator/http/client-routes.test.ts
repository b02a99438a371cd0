import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../simulator.ts';
import { createSimulatorClient } from '../simulator-client.ts';

const credentials = { clientId: 'relay', clientSecret: 's' };
let simulator: Simulator;
let client: ReturnType<typeof createSimulatorClient>;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, seed: 1 });
  client = createSimulatorClient(simulator.url, credentials);
});
afterEach(() => simulator.stop());

test('a second API client signs in with its own secret, which nobody is shown', async () => {
  const added = await client.post('/sim/clients', { id: 'panel', secret: 'p', dns: ['101'], role: 'user' });
  const shown = { id: 'panel', dns: ['101'], hasCallControl: true, hasXapi: true, role: 'user' };
  expect(added).toEqual({ status: 200, body: shown });
  expect((await client.get('/sim/clients')).body).toEqual({
    clients: [{ id: 'relay', dns: null, hasCallControl: true, hasXapi: true, role: 'system_owner' }, shown],
  });
  const panel = createSimulatorClient(simulator.url, { clientId: 'panel', clientSecret: 'p' });
  const [own, other] = [await client.token(), await panel.token()];
  expect((await client.get('/callcontrol', own)).status).toBe(200);
  expect((await client.get('/callcontrol', other)).status).toBe(200);
});

test('without the licence or the tick, call control and its socket are refused as configured', async () => {
  const token = await client.token();
  const statuses = async () => [
    (await client.get('/callcontrol', token)).status,
    (await client.post('/callcontrol/101/makecall', { destination: '102' }, token)).status,
    await client.upgradeStatus({ authorization: `Bearer ${token}` }),
  ];
  await client.post('/sim/licence', { enterprise: false });
  expect(await statuses()).toEqual([403, 403, 403]);
  await client.post('/sim/licence', { status: 404 });
  expect(await statuses()).toEqual([404, 404, 404]);
  await client.post('/sim/licence', { enterprise: true, status: 403 });
  await client.post('/sim/clients', { id: 'relay', hasCallControl: false });
  expect(await statuses()).toEqual([403, 403, 403]);
  expect((await client.get('/callcontrol')).status).toBe(401);
});

test('a wrong client is told 401 or 400, as set', async () => {
  const ask = async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'x', client_secret: 'y' });
    const response = await fetch(`${simulator.url}/connect/token`, { method: 'POST', body });
    return { status: response.status, body: await response.json() };
  };
  expect(await ask()).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  await client.post('/sim/token', { badClientStatus: 400 });
  expect(await ask()).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
});

test('only extensions can be listed, and a new client needs a secret', async () => {
  for (const [body, message] of [
    [{ id: 'relay', dns: ['800'] }, 'dns: 800 is no extension; only extensions can be listed'],
    [{ id: 'new' }, 'secret: a new client needs one'],
  ] as const) {
    expect(await client.post('/sim/clients', body)).toMatchObject({ status: 400, body: { message } });
  }
});
