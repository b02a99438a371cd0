import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../simulator.ts';
import { createSimulatorClient, until } from '../simulator-client.ts';

const credentials = { clientId: 'relay', clientSecret: 's' };
let simulator: Simulator;
let client: ReturnType<typeof createSimulatorClient>;
let token: string;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, seed: 1 });
  client = createSimulatorClient(simulator.url, credentials);
  token = await client.token();
});
afterEach(() => simulator.stop());

const stream = (dn: string, id: number, init: RequestInit = {}) =>
  fetch(`${simulator.url}/callcontrol/${dn}/participants/${id}/stream`, {
    ...init,
    headers: { authorization: `Bearer ${token}` },
  });

/** A call on the route point, connected. */
async function talkOnRoutePoint() {
  await client.post('/sim/calls', { scenario: 'prompt', ringMs: 1, talkMs: 60_000 });
  await until('it is connected', async () => {
    const { body } = await client.get('/callcontrol/relay/participants/1', token);
    return (body as { status?: string }).status === 'Connected';
  });
}

test('audio comes at 8 kHz with 16 bits and ends with the leg', async () => {
  await talkOnRoutePoint();
  const response = await stream('relay', 1);
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  let bytes = 0;
  const startedMs = performance.now();
  while (bytes < 8000) bytes += (await reader?.read())?.value?.length ?? 0;
  expect(performance.now() - startedMs).toBeGreaterThan(250);
  await client.post('/callcontrol/relay/participants/1/drop', {}, token);
  const drain = async () => {
    while (!(await reader?.read())?.done);
  };
  await expect(drain()).rejects.toThrow();
});

test('audio dies with the token it was opened with, at once', async () => {
  await talkOnRoutePoint();
  const reader = (await stream('relay', 1)).body?.getReader();
  await reader?.read();
  await client.token();
  const drain = async () => {
    while (!(await reader?.read())?.done);
  };
  await expect(drain()).rejects.toThrow();
});

test('a prompt that was sent is played to its end and then announced', async () => {
  await talkOnRoutePoint();
  const { texts } = await client.listen(token);
  const startedMs = performance.now();
  expect((await stream('relay', 1, { method: 'POST', body: Buffer.alloc(8000) })).status).toBe(200);
  await until('the end is announced', () => texts.some(text => text.includes('"event_type":3')));
  expect(performance.now() - startedMs).toBeGreaterThan(450);
});

test('there is no stream for a phone, before the answer, for another DN or without a token', async () => {
  await client.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 1, talkMs: 60_000 });
  await client.post('/sim/calls', { scenario: 'prompt', ringMs: 60_000 });
  expect((await stream('101', 1)).status).toBe(424);
  expect((await stream('relay', 2)).status).toBe(424);
  await client.post('/sim/call-control', { streamNotReady: 404 });
  expect((await stream('relay', 2)).status).toBe(404);
  expect((await stream('relay', 99)).status).toBe(404);
  expect((await stream('800', 1)).status).toBe(403);
  token = 'stale';
  expect((await stream('relay', 2)).status).toBe(401);
});
