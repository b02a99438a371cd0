import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

const list = (dns: string[] | null) => client.post('/sim/clients', { id: 'relay', dns });
const call = (wish: object) => client.post('/sim/calls', { ringMs: 60_000, ...wish });
const status = async (path: string) => (await client.get(path, token)).status;

describe('a client that lists some DNs', () => {
  test('sees those and its own route point', async () => {
    await list(['101', '103']);
    const { body } = await client.get('/callcontrol', token);
    expect((body as Array<{ dn: string }>).map(({ dn }) => dn)).toEqual(['101', '103', 'relay']);
  });

  test('is refused everything else about another DN, except its list of participants', async () => {
    await list(['101']);
    await call({ scenario: 'internal', dn: '101', number: '102' });
    const far = await client.get('/callcontrol/102/participants', token);
    expect(far).toMatchObject({ status: 200, body: [{ id: 2, dn: '102', status: 'Ringing' }] });
    for (const path of ['/callcontrol/102', '/callcontrol/102/participants/2', '/callcontrol/102/devices']) {
      expect(await status(path), path).toBe(403);
    }
    for (const path of ['/callcontrol/102/participants/2/drop', '/callcontrol/102/makecall']) {
      expect((await client.post(path, { destination: '103' }, token)).status, path).toBe(403);
    }
    expect(await status('/callcontrol/101/participants/1')).toBe(200);
    expect(await status('/callcontrol/999/participants')).toBe(404);
  });

  test('cannot have a queue, a ring group or the route point of another, not even by listing all', async () => {
    await client.post('/sim/clients', { id: 'other', secret: 'o' });
    for (const dn of ['800', '810', 'other']) expect(await status(`/callcontrol/${dn}`), dn).toBe(403);
  });

  test('gets no frame about another DN, and one that nobody lists is no frame at all', async () => {
    await list(['101']);
    await client.post('/sim/clients', { id: 'panel', secret: 'p', dns: ['102'] });
    const panel = createSimulatorClient(simulator.url, { clientId: 'panel', clientSecret: 'p' });
    const [own, other] = [await client.listen(token), await panel.listen(await panel.token())];
    for (const dn of ['101', '102', '103']) await call({ scenario: 'missed', dn, ringMs: 100 });
    await until('the calls are over', async () => {
      const { totals } = (await client.get('/sim/state')).body as { totals: { ended: number } };
      return totals.ended === 3;
    });
    const { frames } = (await client.get('/sim/frames')).body as { frames: Array<{ frame: object }> };
    const about = (dn: string) => frames.filter(({ frame }) => JSON.stringify(frame).includes(`/${dn}/`));
    await until('the frames arrived', () => own.texts.length === about('101').length);
    await until('the frames arrived', () => other.texts.length === about('102').length);
    expect(own.texts.join()).not.toContain('/102/');
    expect(other.texts.join()).not.toContain('/101/');
    expect(about('103')).toEqual([]);
    const forPanel = (await client.get('/sim/frames?client=panel')).body as { frames: Array<{ delivered: boolean }> };
    expect(forPanel.frames.filter(({ delivered }) => delivered)).toHaveLength(other.texts.length);
  });

  test('gets the frames of a DN as soon as it is listed, on the socket it has', async () => {
    await list(['101']);
    const { texts } = await client.listen(token);
    await list(['101', '102']);
    await call({ scenario: 'inbound', dn: '102' });
    await until('a frame arrived', () => texts.length > 0);
  });

  test('a burst of which it lists little still ends', async () => {
    await list(['101']);
    const { texts } = await client.listen(token);
    await client.post('/sim/burst', { events: 3000, perSecond: 20_000 });
    await until('it is over', async () => !((await client.get('/sim/burst')).body as { running: boolean }).running);
    const { last } = (await client.get('/sim/frames')).body as { last: number };
    await until('the frames arrived', () => texts.length === last);
    expect(last).toBeLessThan(1000);
  });
});

describe('actions', () => {
  test('a call is made from a device that is registered; a stale one is a 404', async () => {
    const { body } = await client.get('/callcontrol/101/devices', token);
    const [device] = body as Array<{ device_id: string }>;
    const from = (id: string) =>
      client.post(
        `/callcontrol/101/devices/${encodeURIComponent(id)}/makecall`,
        { destination: '+442079460123' },
        token,
      );
    expect(await from(device?.device_id ?? '')).toMatchObject({
      status: 200,
      body: { finalstatus: 'Success', result: { dn: '101', status: 'Dialing', party_dn_type: 'Wexternalline' } },
    });
    expect((await from('sip:101@127.0.0.1:1')).status).toBe(404);
    expect((await client.post('/callcontrol/101/makecall', { destination: '800' }, token)).status).toBe(422);
  });

  test('the route point makes calls of its own and controls them', async () => {
    const made = await client.post('/callcontrol/relay/makecall', { destination: '101' }, token);
    expect(made.body).toMatchObject({ result: { dn: 'relay', direct_control: true, party_dn: '101' } });
  });

  test('data is attached to either side, and without data the action is not possible', async () => {
    await call({ scenario: 'inbound', dn: '101' });
    for (const action of ['attach_participant_data', 'attach_party_data']) {
      const path = `/callcontrol/101/participants/1/${action}`;
      expect((await client.post(path, { attacheddata: { ticket: '7' } }, token)).status).toBe(200);
      expect((await client.post(path, {}, token)).status).toBe(422);
      expect((await client.post(path, undefined, token)).status).toBe(400);
    }
    expect((await client.post('/callcontrol/101/participants/1/hold', {}, token)).status).toBe(404);
  });

  test('the final status is a number and the answer a 202 when so set', async () => {
    await client.post('/sim/call-control', { finalStatus: 'number', okStatus: 202 });
    await call({ scenario: 'inbound', dn: '101' });
    const divert = await client.post('/callcontrol/101/participants/1/divert', { destination: '102' }, token);
    expect(divert).toMatchObject({ status: 202, body: { finalstatus: 1 } });
    const refused = await client.post('/callcontrol/102/participants/2/transferto', { destination: '103' }, token);
    expect(refused).toMatchObject({ status: 422, body: { finalstatus: 0, reasontext: expect.any(String) } });
  });
});

describe('requests over the socket', () => {
  const ask = async (request: object) => {
    const { socket, texts } = await client.listen(token);
    socket.send(JSON.stringify(request));
    await until('the answer came', () => texts.some(text => text.includes('"event_type":4')));
    socket.terminate();
    const frame = JSON.parse(texts.find(text => text.includes('"event_type":4')) ?? '{}');
    return frame.event.attached_data as { RequestID: string; StatusCode: number; Response: unknown };
  };

  test('do what REST does, whatever the case of their keys', async () => {
    expect(
      await ask({ RequestID: '1', Path: '/callcontrol/101/makecall', RequestData: { Destination: '102' } }),
    ).toEqual({
      RequestID: '1',
      Path: '/callcontrol/101/makecall',
      StatusCode: 200,
      Response: expect.objectContaining({ finalstatus: 'Success' }),
    });
    expect(await ask({ request_id: '2', path: '/callcontrol/101/participants' })).toMatchObject({
      RequestID: '2',
      StatusCode: 200,
      Response: [{ dn: '101', party_dn: '102' }],
    });
    expect(await ask({ requestId: 3, path: '/callcontrol/101/participants/1/drop', requestData: '' })).toMatchObject({
      RequestID: '3',
      StatusCode: 200,
    });
  });

  test('are refused for what the client has not listed', async () => {
    await list(['101']);
    expect(await ask({ RequestID: '1', Path: '/callcontrol/102', RequestData: '' })).toMatchObject({ StatusCode: 403 });
    expect(await ask({ RequestID: '2', Path: '/callcontrol/998', RequestData: '' })).toMatchObject({ StatusCode: 404 });
  });
});
