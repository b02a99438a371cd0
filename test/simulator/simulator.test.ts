import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from './simulator.ts';
import { createSimulatorClient, until } from './simulator-client.ts';

const credentials = { clientId: 'relay', clientSecret: 'correct horse' };
let simulator: Simulator;
let client: ReturnType<typeof createSimulatorClient>;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, seed: 1 });
  client = createSimulatorClient(simulator.url, credentials);
});
afterEach(() => simulator.stop());

type Frames = { frames: Array<{ n: number; delivered: boolean; frame: unknown; raw?: string }>; last: number };
const framesOf = async (after = 0) => (await client.get(`/sim/frames?after=${after}&limit=50000`)).body as Frames;
const burstIsOver = async () => !((await client.get('/sim/burst')).body as { running: boolean }).running;

test('a token is issued for a form and for multipart, and refused to others', async () => {
  const ask = async (fields: Record<string, string>, kind: 'form' | 'multipart' | 'json') => {
    const form = new FormData();
    for (const [key, value] of Object.entries(fields)) form.append(key, value);
    const body = kind === 'form' ? new URLSearchParams(fields) : kind === 'multipart' ? form : JSON.stringify(fields);
    const response = await fetch(`${simulator.url}/connect/token`, { method: 'POST', body });
    return { status: response.status, body: await response.json() };
  };
  const right = { client_id: 'relay', client_secret: 'correct horse', grant_type: 'client_credentials' };
  for (const kind of ['form', 'multipart'] as const) {
    expect(await ask(right, kind)).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 60 } });
  }
  expect(await ask({ ...right, client_secret: 'no' }, 'form')).toMatchObject({
    status: 401,
    body: { error: 'invalid_client', error_description: expect.any(String) },
  });
  expect((await ask({ ...right, grant_type: 'password' }, 'form')).status).toBe(400);
  expect((await ask(right, 'json')).status).toBe(400);
});

test('call control answers only the newest token', async () => {
  const first = await client.token();
  expect((await client.get('/callcontrol', first)).status).toBe(200);
  const second = await client.token();
  expect((await client.get('/callcontrol', first)).status).toBe(401);
  expect((await client.get('/callcontrol', second)).status).toBe(200);
  expect((await client.get('/callcontrol')).status).toBe(401);
  await client.post('/sim/faults', { kind: 'expire-token' });
  expect((await client.get('/callcontrol', second)).status).toBe(401);
});

test('every DN is listed, with the route point of the API client itself', async () => {
  const token = await client.token();
  const list = (await client.get('/callcontrol', token)).body as Array<{
    dn: string;
    type: string;
    devices: unknown[];
  }>;
  expect(list).toHaveLength(31);
  expect(list[0]).toMatchObject({ dn: '100', type: 'Wextension', participants: [] });
  expect(list.at(-1)).toEqual({
    dn: 'relay',
    type: 'Wroutepoint',
    devices: [{ dn: 'relay', device_id: 'sip:relay@127.0.0.1:5483', user_agent: '3CX Route Point' }],
    participants: [],
  });
  const { body: devices } = await client.get('/callcontrol/100/devices', token);
  const [device] = devices as Array<{ device_id: string }>;
  const one = await client.get(`/callcontrol/100/devices/${encodeURIComponent(device?.device_id ?? '')}`, token);
  expect(one.body).toEqual(device);
  expect((await client.get('/callcontrol/100/participants', token)).body).toEqual([]);
  for (const path of [
    '/callcontrol/999',
    '/callcontrol/100/participants/1',
    '/callcontrol/100/devices/x',
    '/callcontrol/100/%',
  ]) {
    expect((await client.get(path, token)).status, path).toBe(404);
  }
});

test('the socket is refused before the upgrade without a valid Bearer token', async () => {
  const stale = await client.token();
  const token = await client.token();
  expect(await client.upgradeStatus({})).toBe(401);
  expect(await client.upgradeStatus({ authorization: 'Basic cmVsYXk6eA==' })).toBe(401);
  expect(await client.upgradeStatus({ authorization: `Bearer ${stale}` })).toBe(401);
  expect(await client.upgradeStatus({}, `/callcontrol/ws?access_token=${token}`)).toBe(401);
  expect(await client.upgradeStatus({ authorization: `Bearer ${token}` }, '/elsewhere')).toBe(404);
  expect(await client.upgradeStatus({ authorization: `Bearer ${token}` })).toBe(101);
});

test('every open socket gets every frame, in the order and the words of the record', async () => {
  const token = await client.token();
  const taps = [await client.listen(token), await client.listen(token)];
  const call = await client.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 50, talkMs: 50 });
  expect(call).toMatchObject({ status: 201, body: { callid: 1, participants: [{ dn: '101', id: 1 }] } });
  const participant = await client.get('/callcontrol/101/participants/1', token);
  expect(participant.body).toMatchObject({ id: 1, callid: 1, status: 'Ringing', party_did: '' });
  await client.post('/sim/burst', { events: 3000, perSecond: 20_000 });
  await until('the burst is over', burstIsOver);
  await until(
    'the call is over',
    async () => (await client.get('/callcontrol/101/participants/1', token)).status === 404,
  );

  const { frames, last } = await framesOf();
  for (const { texts } of taps) {
    await until('all frames arrived', () => texts.length === last);
    expect(texts.map(text => JSON.parse(text))).toEqual(frames.map(({ frame }) => frame));
  }
  expect(frames.every(({ delivered, n }, index) => delivered && n === index + 1)).toBe(true);
  expect(taps[0]?.texts[0]).toBe(
    '{"sequence":1,"event":{"event_type":0,"entity":"/callcontrol/101/participants/1","attached_data":null}}',
  );
  expect(frames.map(({ frame }) => (frame as { sequence: number }).sequence)).toEqual(frames.map(({ n }) => n));
});

test('a burst is spread over its time and entities answer while it runs', async () => {
  const token = await client.token();
  const tap = await client.listen(token);
  await client.post('/sim/burst', { events: 2000, perSecond: 2000 });
  const startedMs = performance.now();
  const answers = new Set<number>();
  for (let seen = 0; !(await burstIsOver()); ) {
    const texts = tap.texts.slice(seen);
    seen += texts.length;
    const entities = texts.map(text => (JSON.parse(text) as { event: { entity: string } }).event.entity);
    for (const entity of entities.slice(-5)) answers.add((await client.get(entity, token)).status);
  }
  expect(performance.now() - startedMs).toBeGreaterThan(900);
  expect(answers).toEqual(new Set([200, 404]));
});

test('frames sent while nobody listens or the socket is stalled are recorded as not delivered', async () => {
  const token = await client.token();
  await client.post('/sim/burst', { events: 10, perSecond: 10_000 });
  await until('the burst is over', burstIsOver);
  const tap = await client.listen(token);
  await client.post('/sim/faults', { kind: 'stall', ms: 60_000 });
  await client.post('/sim/burst', { events: 10, perSecond: 10_000 });
  await until('the burst is over', burstIsOver);
  expect((await framesOf()).frames.some(({ delivered }) => delivered)).toBe(false);

  await client.request('DELETE', '/sim/faults');
  await client.post('/sim/burst', { events: 10, perSecond: 10_000 });
  await until('the frames arrive', () => tap.texts.length === 10);
  expect((await framesOf(20)).frames.every(({ delivered }) => delivered)).toBe(true);
  expect(tap.texts[0]).toContain('"sequence":21,');
});

test('pings are answered, and during a stall only if asked', async () => {
  const { socket } = await client.listen(await client.token());
  let pongs = 0;
  socket.on('pong', () => pongs++);
  socket.ping();
  await until('the pong comes', () => pongs === 1);
  await client.post('/sim/faults', { kind: 'stall', ms: 60_000 });
  socket.ping();
  await until('the pong comes', () => pongs === 2);
  await client.post('/sim/faults', { kind: 'stall', ms: 60_000, answerPings: false });
  socket.ping();
  await client.request('DELETE', '/sim/faults');
  socket.ping();
  await until('only the ping after the stall is answered', () => pongs === 3);
});

test('a drop is seen as 1006 and, with a time, keeps the socket away for that long', async () => {
  const token = await client.token();
  const { closed } = await client.listen(token);
  const { body } = await client.post('/sim/faults', { kind: 'drop', ms: 60_000 });
  expect(body).toEqual({ kind: 'drop', dropped: 1 });
  expect(await closed).toBe(1006);
  await expect(client.upgradeStatus({ authorization: `Bearer ${token}` })).rejects.toThrow();
  await client.request('DELETE', '/sim/faults');
  expect(await client.upgradeStatus({ authorization: `Bearer ${token}` })).toBe(101);
});

test('upgrades are rejected with the asked status as often as asked', async () => {
  const headers = { authorization: `Bearer ${await client.token()}` };
  await client.post('/sim/faults', { kind: 'reject-upgrade', count: 2, status: 503 });
  await client.post('/sim/faults', { kind: 'reject-upgrade' });
  const statuses = [];
  for (let attempt = 0; attempt < 4; attempt++) statuses.push(await client.upgradeStatus(headers));
  expect(statuses).toEqual([503, 503, 401, 101]);
});

test('garbage arrives as it is recorded, a binary frame and an oversized one included', async () => {
  const { texts, socket } = await client.listen(await client.token());
  let binaries = 0;
  socket.on('message', (_, isBinary) => {
    if (isBinary) binaries++;
  });
  await client.post('/sim/faults', { kind: 'garbage', count: 16 });
  await client.post('/sim/faults', { kind: 'garbage', bytes: 5_000_000 });
  await until('all garbage arrived', () => texts.length === 17);
  const { frames } = await framesOf();
  expect(frames.every(({ delivered }) => delivered)).toBe(true);
  // An event with a number as its type is a frame, whatever else it holds; the record shows it as one.
  const taken = [7, 10, 11, 12, 13];
  expect(frames.flatMap(({ frame }, index) => (frame === null ? [] : [index]))).toEqual(taken);
  expect(taken.map(index => frames[index]?.frame)).toEqual(taken.map(index => JSON.parse(texts[index] ?? '')));
  expect(texts.slice(0, 15)).toEqual(frames.slice(0, 15).map(({ raw }) => raw));
  expect(texts[16]).toHaveLength(5_000_000);
  expect(binaries).toBe(1);
});

test('REST faults hit only their path and only as often as asked', async () => {
  const token = await client.token();
  await client.post('/sim/faults', { kind: 'http-error', path: '/callcontrol', status: 502, count: 1 });
  await client.post('/sim/faults', { kind: 'not-found', path: '/callcontrol/100', count: 1 });
  await client.post('/sim/faults', { kind: 'slow', path: '/callcontrol/101', ms: 120 });
  expect(((await client.get('/sim/faults')).body as { faults: unknown[] }).faults).toHaveLength(3);
  expect((await client.get('/callcontrol', token)).status).toBe(502);
  expect((await client.get('/callcontrol/100', token)).status).toBe(404);
  expect((await client.get('/callcontrol/100', token)).status).toBe(200);
  const startedMs = performance.now();
  expect((await client.get('/callcontrol/101', token)).status).toBe(200);
  expect(performance.now() - startedMs).toBeGreaterThan(110);
  expect((await client.get('/sim/faults')).body).toEqual({ faults: [] });
});

test('a restart closes sockets with 1012 and starts ids and sequence again, but not the record', async () => {
  const token = await client.token();
  const { closed } = await client.listen(token);
  await client.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
  await client.post('/sim/restart', {});
  expect(await closed).toBe(1012);
  expect((await client.get('/callcontrol/101/participants', token)).body).toEqual([]);
  const { last } = await framesOf();
  const again = await client.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
  expect(again.body).toMatchObject({ callid: 1, participants: [{ id: 1 }] });
  expect((await framesOf(last)).frames[0]).toMatchObject({ n: last + 1, frame: { sequence: 1 } });
});

test('an open socket outlives its token unless told otherwise', async () => {
  const first = await client.listen(await client.token());
  await client.post('/sim/token', { closeSockets: true });
  const second = await client.listen(await client.token());
  expect(await first.closed).toBe(1008);
  await client.post('/sim/token', { closeSockets: false });
  await client.token();
  await client.post('/sim/burst', { events: 5, perSecond: 1000 });
  await until('frames arrive on the old token', () => second.texts.length === 5);
});

test('calls are made, answered, transferred and dropped over REST', async () => {
  const token = await client.token();
  const made = await client.post('/callcontrol/101/makecall', { destination: '102' }, token);
  expect(made.body).toMatchObject({
    finalstatus: 'Success',
    result: { dn: '101', status: 'Dialing', party_dn: '102' },
  });
  const ringing = async (dn: string) =>
    ((await client.get(`/callcontrol/${dn}/participants`, token)).body as Array<{ id: number; status: string }>)[0];
  await until('102 rings', async () => (await ringing('102'))?.status === 'Ringing');
  const act = async (dn: string, action: string, body: unknown) =>
    client.post(`/callcontrol/${dn}/participants/${(await ringing(dn))?.id}/${action}`, body, token);
  expect((await act('102', 'answer', {})).status).toBe(200);
  expect((await ringing('102'))?.status).toBe('Connected');
  expect((await act('102', 'answer', {})).status).toBe(422);
  expect((await act('102', 'transferto', { destination: '103' })).status).toBe(200);
  await until('103 rings', async () => (await ringing('103'))?.status === 'Ringing');
  expect((await act('103', 'drop', {})).status).toBe(200);
  await until('101 is free', async () => (await ringing('101')) === undefined);
  expect((await act('103', 'drop', {})).status).toBe(404);
  expect((await client.post('/callcontrol/101/makecall', undefined, token)).status).toBe(400);
  expect((await client.post('/callcontrol/101/makecall', { destination: '102' })).status).toBe(401);
});

test('a request over the socket is answered to the one who asked', async () => {
  const token = await client.token();
  const [asker, other] = [await client.listen(token), await client.listen(token)];
  asker.socket.send('{"RequestID":"7","Path":"/callcontrol/100/participants","RequestData":""}');
  await until('the answer comes', () => asker.texts.length === 1);
  expect(JSON.parse(asker.texts[0] ?? '')).toMatchObject({
    event: { event_type: 4, attached_data: { RequestID: '7', StatusCode: 200, Response: [] } },
  });
  expect(other.texts).toEqual([]);
});

test('a scenario is known by any way to write its name, and a blind transfer by that name, too', async () => {
  const names = {
    ringGroup: ['ringGroup', 'ring_group', 'ring-group', 'ring group', 'ringgroup', 'Ring Group'],
    transfer: ['transfer', 'blindTransfer', 'blind_transfer', 'blind-transfer', 'BLIND TRANSFER'],
    inbound: ['Inbound'],
  };
  for (const [scenario, written] of Object.entries(names)) {
    for (const name of written) {
      const { status, body } = await client.post('/sim/calls', { scenario: name, ringMs: 1, talkMs: 1 });
      expect([status, (body as { scenario?: string }).scenario], name).toEqual([201, scenario]);
    }
  }
});

test('bad input names the field and what would be right', async () => {
  for (const [path, body, message] of [
    [
      '/sim/calls',
      { scenario: 'inbund' },
      expect.stringContaining('scenario: must be one of inbound, missed, outbound, busy'),
    ],
    ['/sim/calls', { scenario: 'inbound', dn: '999' }, 'dn: there is no extension 999; choose from 100 to 129'],
    ['/sim/burst', { events: 0 }, 'events: must be 1 or more'],
    ['/sim/traffic', { callsPerMinute: -1 }, 'callsPerMinute: must be 0 or more'],
    ['/sim/faults', { kind: 'http-error', status: 200 }, 'status: must be an HTTP error status, 400 to 599'],
  ] as const) {
    expect(await client.post(path, body), path).toMatchObject({ status: 400, body: { message } });
  }
  expect((await client.get('/sim/frames?after=x')).status).toBe(400);
});

test('traffic can be set, seen and stopped', async () => {
  await client.listen(await client.token());
  const set = await client.post('/sim/traffic', { callsPerMinute: 6000, timeScale: 0.01 });
  expect(set.body).toEqual({ callsPerMinute: 6000, timeScale: 0.01 });
  await until('calls have ended', async () => {
    const { totals } = (await client.get('/sim/state')).body as { totals: { ended: number } };
    return totals.ended > 20;
  });
  expect((await client.post('/sim/traffic', { callsPerMinute: 0 })).body).toMatchObject({ callsPerMinute: 0 });
  const { calls } = (await client.get('/sim/calls?limit=5')).body as { calls: unknown[] };
  expect(calls).toHaveLength(5);
});
