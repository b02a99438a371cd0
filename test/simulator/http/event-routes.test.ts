import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../simulator.ts';
import { createSimulatorClient, until } from '../simulator-client.ts';

const credentials = { clientId: 'relay', clientSecret: 's' };
let simulator: Simulator;
let client: ReturnType<typeof createSimulatorClient>;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, seed: 1 });
  client = createSimulatorClient(simulator.url, credentials);
});
afterEach(() => simulator.stop());

type Event = { event_type: number; entity: string; attached_data: unknown };
const eventsOf = (texts: readonly string[]) => texts.map(text => (JSON.parse(text) as { event: Event }).event);

test('a device that registers appears under its DN and is announced, and goes the same way', async () => {
  const token = await client.token();
  const { texts } = await client.listen(token);
  const device = 'sip:101@127.0.0.1:5999';
  await client.post('/sim/devices', { dn: '101', deviceId: device, registered: true });
  const entity = `/callcontrol/101/devices/${encodeURIComponent(device)}`;
  expect((await client.get(entity, token)).body).toMatchObject({ dn: '101', device_id: device });
  await client.post('/sim/devices', { dn: '101', deviceId: device, registered: false });
  expect((await client.get(entity, token)).status).toBe(404);
  await until('both events came', () => texts.length === 2);
  expect(eventsOf(texts)).toEqual([
    { event_type: 0, entity, attached_data: null },
    { event_type: 1, entity, attached_data: null },
  ]);
  expect((await client.post('/sim/devices', { dn: '101', deviceId: device, registered: false })).status).toBe(400);
});

test('an event of an unknown type is sent as asked', async () => {
  const { texts } = await client.listen(await client.token());
  await client.post('/sim/events', { eventType: 9, dn: '101', attachedData: { why: 'new in U11' } });
  await until('it came', () => texts.length === 1);
  expect(eventsOf(texts)).toEqual([
    { event_type: 9, entity: '/callcontrol/101', attached_data: { why: 'new in U11' } },
  ]);
});

test('scenarios take their fields, and the record tells what became of them', async () => {
  await client.post('/sim/calls', {
    scenario: 'queue',
    queue: '801',
    agents: ['105', '106'],
    answeredBy: '106',
    rounds: 0,
    ringMs: 10,
    talkMs: 10,
  });
  const done = async () => {
    const { calls } = (await client.get('/sim/calls')).body as { calls: object[] };
    return calls;
  };
  await until('it is over', async () => (await done()).length === 1);
  expect((await done())[0]).toMatchObject({
    queue: '801',
    dn: '106',
    disposition: 'answered',
    cut: false,
    targets: { 105: 'answered_elsewhere', 106: 'answered' },
    callHistoryId: expect.stringMatching(/^00000000-/),
  });
  for (const [wish, field] of [
    [{ scenario: 'queue', queue: '810' }, 'queue'],
    [{ scenario: 'queue', agents: ['800'] }, 'agents'],
    [{ scenario: 'transfer', transferTo: '999' }, 'transferTo'],
    [{ scenario: 'dtmf', digits: 'x' }, 'digits'],
  ] as const) {
    const answer = await client.post('/sim/calls', wish);
    expect(answer).toMatchObject({ status: 400, body: { problems: [{ field }] } });
  }
});

test('the party outside can hang up', async () => {
  await client.post('/sim/calls', { scenario: 'queue', agents: ['105', '106'], ringMs: 60_000 });
  expect((await client.post('/sim/calls/1/hangup', {})).status).toBe(200);
  expect((await client.get('/sim/calls')).body).toMatchObject({ calls: [{ disposition: 'abandoned' }] });
  expect((await client.post('/sim/calls/1/hangup', {})).status).toBe(400);
});
