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

type Frame = { delivered: boolean; frame: { sequence: number; event: { event_type: number } } | null };
const fault = (order: object) => client.post('/sim/faults', order);
const frames = async () => ((await client.get('/sim/frames')).body as { frames: Frame[] }).frames;
const sequences = (texts: readonly string[]) => texts.map(text => (JSON.parse(text) as { sequence: number }).sequence);
const raise = (eventType: number) => client.post('/sim/events', { eventType, dn: '101' });

test('sockets close with the code asked for, and 1006 is no close frame at all', async () => {
  for (const code of [1012, 1011, 1006]) {
    const { closed } = await client.listen(token);
    expect((await fault({ kind: 'close', code })).body).toEqual({ kind: 'close', closed: 1, code });
    expect(await closed).toBe(code);
  }
  expect((await fault({ kind: 'close', code: 1005 })).status).toBe(400);
});

test('an upgrade can be left without any answer', async () => {
  await fault({ kind: 'hang-upgrade', count: 1 });
  const headers = { authorization: `Bearer ${token}` };
  const hung = client.upgradeStatus(headers);
  expect(await client.upgradeStatus(headers)).toBe(101);
  await simulator.stop();
  await expect(hung).rejects.toThrow();
});

test('upgrades are refused with any status there is', async () => {
  for (const status of [401, 403, 404, 500, 503]) {
    await fault({ kind: 'reject-upgrade', status });
    expect(await client.upgradeStatus({ authorization: `Bearer ${token}` })).toBe(status);
  }
});

test('lost frames are on record as not delivered and leave a hole in the sequence, or none', async () => {
  const { texts } = await client.listen(token);
  await raise(0);
  await fault({ kind: 'lose', count: 2 });
  for (let event = 0; event < 3; event++) await raise(0);
  await until('the frames came', () => texts.length === 2);
  expect(sequences(texts)).toEqual([1, 4]);
  await fault({ kind: 'lose', keepSequence: true });
  for (let event = 0; event < 2; event++) await raise(0);
  await until('the frames came', () => texts.length === 3);
  expect(sequences(texts)).toEqual([1, 4, 5]);
  expect((await frames()).map(({ delivered }) => delivered)).toEqual([true, false, false, true, false, true]);
});

test('only events of one type or one DN are lost when so asked', async () => {
  const { texts } = await client.listen(token);
  await fault({ kind: 'lose', eventType: 1, dn: '101' });
  for (const type of [0, 1, 1]) await raise(type);
  await until('the frames came', () => texts.length === 2);
  expect(sequences(texts)).toEqual([1, 3]);
});

test('the sequence starts again without a restart', async () => {
  const { texts } = await client.listen(token);
  await raise(0);
  await fault({ kind: 'reset-sequence' });
  await raise(0);
  await until('the frames came', () => texts.length === 2);
  expect(sequences(texts)).toEqual([1, 1]);
});

test('a storm repeats the upserts of whoever is there', async () => {
  await client.post('/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 60_000 });
  const { texts } = await client.listen(token);
  expect((await fault({ kind: 'storm', count: 500 })).body).toEqual({ kind: 'storm', sent: 500 });
  await until('all came', () => texts.length >= 500);
  expect(new Set(texts.map(text => text.replace(/\d+/, ''))).size).toBe(1);
});

test('a stall for ever ends only when it is lifted', async () => {
  const { texts } = await client.listen(token);
  await fault({ kind: 'stall', forever: true });
  await raise(0);
  expect((await client.get('/sim/faults')).body).toEqual({ faults: [{ kind: 'stall' }] });
  await client.request('DELETE', '/sim/faults');
  await raise(0);
  await until('a frame came', () => texts.length === 1);
  expect(sequences(texts)).toEqual([2]);
});

test('sockets that are open die without a word, and one that is opened afterwards lives', async () => {
  const dead = await client.listen(token);
  expect((await fault({ kind: 'dead-sockets' })).body).toEqual({ kind: 'dead-sockets', sockets: 1 });
  const alive = await client.listen(token);
  await raise(0);
  await until('a frame came', () => alive.texts.length === 1);
  expect(dead.texts).toEqual([]);
});

test('a frame of ten megabytes is JSON as well as noise', async () => {
  const { texts } = await client.listen(token);
  await fault({ kind: 'garbage', form: 'json', bytes: 10 * 1024 * 1024 });
  await until('it came', () => texts.length === 1);
  expect(texts[0]).toHaveLength(10 * 1024 * 1024);
  expect(JSON.parse(texts[0] ?? '').event.event_type).toBe(0);
});

test('garbage comes in the form asked for, and invalid UTF-8 in a text frame costs the connection', async () => {
  const { socket, texts, closed } = await client.listen(token);
  const kinds: boolean[] = [];
  socket.on('message', (_, isBinary) => kinds.push(isBinary));
  for (const form of ['truncated', 'missing-fields', 'binary']) await fault({ kind: 'garbage', form });
  await until('they came', () => texts.length === 3);
  expect(() => JSON.parse(texts[0] ?? '')).toThrow();
  expect(JSON.parse(texts[1] ?? '')).not.toHaveProperty('sequence');
  expect(kinds).toEqual([false, false, true]);
  socket.on('error', () => undefined);
  await fault({ kind: 'garbage', form: 'invalid-utf8' });
  expect(await closed).not.toBe(1000);
  expect((await frames()).at(-1)).toMatchObject({ delivered: true, frame: null });
});

test('the token of one client can expire alone', async () => {
  await client.post('/sim/clients', { id: 'other', secret: 'o' });
  const other = createSimulatorClient(simulator.url, { clientId: 'other', clientSecret: 'o' });
  const otherToken = await other.token();
  await fault({ kind: 'expire-token', client: 'other' });
  expect((await other.get('/callcontrol', otherToken)).status).toBe(401);
  expect((await client.get('/callcontrol', token)).status).toBe(200);
});
