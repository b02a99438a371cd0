import { json } from 'node:stream/consumers';
import { CallModel, type ModelChange } from '@3cx-relay/ingest/call-model/call-model.ts';
import { toCallEntry } from '@3cx-relay/ingest/frames/call-entry.ts';
import { parseParticipant } from '@3cx-relay/ingest/pbx/callcontrol/participant.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient, isEntry, type WireMessage } from '../harness/relay-client.ts';
import { openSse } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What a key that is narrowed gets to see and do, on every way in. */
let relay: TestRelay;
let log: LogFiller;
/** Of extension 101 alone, with every permission. */
let scoped: string;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_COMMAND_TIMEOUT_MS: '500' });
  log = createLogFiller(relay);
  scoped = (await relay.createKey({ dns: ['101'] })).apiKey;
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, apiKey: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { ...init.headers, 'x-api-key': apiKey, 'content-type': 'application/json' };
  const response = await fetch(`${relay.url}${path}`, { ...init, headers });
  const retryAfter = Number(response.headers.get('retry-after'));
  return { status: response.status, retryAfter, body: (await response.json()) as Answer['body'] };
}

/** 101 when it is let in; the connection is then closed. */
function upgrade(apiKey: string, headers: Record<string, string> = {}): Promise<Answer> {
  const url = `${relay.url.replace(/^http/, 'ws')}/relay/ws`;
  const socket = new WebSocket(url, { headers: { ...headers, 'x-api-key': apiKey } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve({ status: 101, retryAfter: 0, body: {} });
      socket.terminate();
    });
    socket.once('unexpected-response', (_, response) => {
      const { statusCode: status = 0, headers: answered } = response;
      json(response).then(
        body => resolve({ status, retryAfter: Number(answered['retry-after']), body: body as Answer['body'] }),
        reject,
      );
    });
    socket.once('error', reject);
  });
}

const command = (path: string, body: object = {}) => ask(path, scoped, { method: 'POST', body: JSON.stringify(body) });

const gap: NewEntry = {
  type: 'gap',
  at: Date.now(),
  body: '{"at":"2026-03-02T09:00:00Z","reason":"pbx_disconnected"}',
};

/** Numbers of the call events, and "gap". */
const seen = (messages: readonly WireMessage[]) =>
  messages.filter(isEntry).map(message => (message.type === 'gap' ? 'gap' : numberIn(message)));

/** Eight entries and a gap: 101 takes part in the second and third, and in the last two. */
async function writeMixed(): Promise<void> {
  await log.fill(1, { dn: '102' });
  await log.fill(1, { dn: '101' });
  await log.fill(1, { dn: '102,101' });
  await log.append([gap]);
  await log.fill(2, { dn: '1010,102' });
  await log.append([{ type: 'call_event', at: Date.now(), body: '{"at":"2026-03-02T09:00:00Z","call":{"n":-6}}' }]);
  await log.fill(2, { dn: '101,103' });
}

/** A call as the projection holds it. */
function callOf(callId: string, parties: object): { of: 'calls'; field: string; value: string } {
  const nobody = { number: null, name: null, dn: null };
  const call = { callId, legs: [], formerLegs: [], via: null, caller: nobody, callee: nobody, answeredBy: null };
  return { of: 'calls', field: callId, value: JSON.stringify({ ...call, ...parties }) };
}

test('a key of one extension sees its calls and every gap, on a socket, in a stream, in pages both ways and waiting', async () => {
  const after = String((await ask('/relay/active-calls', scoped)).body.position ?? 'start');
  const live = await connectClient(relay.url, scoped);
  await live.waitForMessage('caught_up');
  const all = await connectClient(relay.url, relay.apiKey);
  await all.waitForMessage('caught_up');
  const waiting = ask('/relay/events?after=now&wait=20', scoped);
  await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 1, { what: 'the request to wait' });
  await writeMixed();
  const numbers = seen(await waitFor(() => all.entries().length === 9 && all.messages, { what: 'all entries' }));
  const [, own, both, , , , , first, second] = numbers;
  const expected = [own, both, 'gap', first, second];
  await waitFor(() => live.entries().length >= 5, { what: 'the entries of 101' });
  expect(seen(live.messages)).toEqual(expected);

  const late = await connectClient(relay.url, scoped, { after });
  await late.waitForMessage('caught_up');
  expect(seen(late.messages)).toEqual(expected);
  const stream = await openSse(`${relay.url}/relay/events/stream?after=${after}`, { 'x-api-key': scoped });
  await stream.waitForMessage('caught_up');
  expect(seen(stream.events.map(({ message }) => message as WireMessage))).toEqual(expected);
  stream.close();
  const page = (await ask(`/relay/events?after=${after}`, scoped)).body.events as WireMessage[];
  expect(seen(page)).toEqual(expected);
  const durable = await ask(`/relay/streams/calls?offset=${after === 'start' ? '-1' : after}`, scoped);
  expect(seen(durable.body as unknown as WireMessage[])).toEqual(expected);
  const down = (await ask('/relay/events?order=desc&limit=5', scoped)).body.events as WireMessage[];
  expect(seen(down)).toEqual(expected.toReversed());
  const named = (await ask(`/relay/events?after=${after}&dn=102`, scoped)).body.events as WireMessage[];
  expect(seen(named)).toEqual([both, 'gap']);
  expect(seen((await waiting).body.events as WireMessage[])[0]).toBe(own);
  await Promise.all([live.close(), late.close(), all.close()]);
});

test('of the calls in a snapshot and in the list it gets those in which its extension takes part', async () => {
  const leg = (dn: string) => ({ dn, participantId: 1, legId: 1, status: 'Connected', party: '101', since: '' });
  const state = [
    callOf('legs', { legs: [leg('101')] }),
    callOf('former', { formerLegs: [{ dn: '101', participantId: 1, party: null, leftAt: null, outcome: null }] }),
    callOf('via', { via: { dn: '101', type: 'queue' } }),
    callOf('caller', { caller: { number: '101', name: 'A', dn: '101' } }),
    callOf('callee', { callee: { number: '101', name: 'A', dn: '101' } }),
    callOf('others', { legs: [leg('102')], caller: { number: '101', name: '101', dn: null } }),
  ];
  await log.append([{ type: 'call_event', at: Date.now(), dn: '102', body: '{"at":"2026-03-02T09:00:00Z"}', state }]);
  const idsOf = (calls: unknown) => (calls as { callId: string }[]).map(({ callId }) => callId).sort();
  const own = ['callee', 'caller', 'former', 'legs', 'via'];
  expect(idsOf((await ask('/relay/active-calls', scoped)).body.calls)).toEqual(own);
  expect(idsOf((await ask('/relay/active-calls', relay.apiKey)).body.calls)).toEqual([...own, 'others'].sort());
  const client = await connectClient(relay.url, scoped, { snapshot: '1' });
  expect(idsOf((await client.waitForMessage('snapshot')).calls)).toEqual(own);
  await client.close();
});

test('a key of a queue or a ring group sees the calls that came through it to their end', async () => {
  const distributor = (dn: string, type: string) => ({ originated_by_dn: dn, originated_by_type: type });
  const model = new CallModel({ graceMs: 0 });
  const told = (change: ModelChange) => toCallEntry(change, { at: Date.now(), frame: null, participantJson: null });
  const ring = (id: number, more: object) => {
    const shown = { id, callid: id, legid: 1, status: 'Ringing', party_caller_id: '+49', ...more };
    const participant = parseParticipant({ ...shown, party_dn_type: 'Wexternalline' }, { dn: '103' });
    if (!participant) throw new Error('the test made no participant');
    return told(model.upsert(participant, { at: Date.now(), isWatched: true }));
  };
  const leave = (id: number) => told(model.remove({ dn: '103', id }, { at: Date.now(), isWatched: true }));
  await log.append([
    ring(1, distributor('800', 'Wqueue')),
    ring(2, distributor('850', 'Wringgroup')),
    ring(3, distributor('801', 'Wqueue')),
  ]);
  const ofQueue = (await relay.createKey({ dns: ['800', '850'] })).apiKey;
  const client = await connectClient(relay.url, ofQueue, { snapshot: '1' });
  const { calls } = await client.waitForMessage('snapshot');
  const ids = (calls as { callId: string }[]).map(({ callId }) => callId);
  expect(ids.map(id => id.split('-')[1]).sort()).toEqual(['1', '2']);
  await log.append([leave(3), leave(1), leave(2), ...model.tick(Date.now() + 1_000).map(told)]);
  await waitFor(() => client.entries().length >= 4, { what: 'what became of the two calls' });
  const ended = client.entries().filter(({ call }) => (call as { state: string }).state === 'ended');
  expect(ended.map(({ event, call }) => [event, (call as { callId: string }).callId])).toEqual([
    ['call.ended', ids.find(id => id.endsWith('-1'))],
    ['call.ended', ids.find(id => id.endsWith('-2'))],
  ]);
  expect(client.entries()).toHaveLength(4);
  await client.close();
});

test('it reads calls and health, and is told why nothing else', async () => {
  const client = await connectClient(relay.url, scoped, { channels: 'calls,health' });
  expect(Object.keys((await client.waitForMessage('hello')).channels ?? {})).toEqual(['calls', 'health']);
  client.send({ type: 'subscribe', channels: { audit: {} } });
  const why = expect.stringContaining('this key is restricted to DN 101');
  expect(await client.waitForMessage('error')).toMatchObject({ code: 'forbidden_channel', message: why });
  await client.close();
  await expect(connectClient(relay.url, scoped, { channels: 'errors' })).rejects.toThrow('403');
  expect((await ask('/relay/events/stream?channel=audit', scoped)).status).toBe(403);
  const forbidden = { status: 403, body: { code: 'forbidden', detail: why } };
  for (const channel of ['errors', 'audit', 'requests']) {
    expect(await ask(`/relay/events?channel=${channel}`, scoped)).toMatchObject(forbidden);
    expect(await ask(`/relay/streams/${channel}`, scoped)).toMatchObject(forbidden);
  }
  expect(await ask('/relay/active-calls?source=xapi', scoped)).toMatchObject(forbidden);
  expect((await ask('/relay/events?channel=health', scoped)).status).toBe(200);
});

test('it commands for its extension alone, and each attempt for another is on record once', async () => {
  const participant = (dn: string, id: number) => ({ of: 'participants' as const, field: `${dn}/${id}`, value: '{}' });
  const state = [participant('101', 8101), participant('102', 8102)];
  await log.append([{ type: 'call_event', at: Date.now(), dn: '102', body: '{"at":"2026-03-02T09:00:00Z"}', state }]);
  const refused = [
    await command('/relay/calls', { dn: '102', destination: '101' }),
    await command('/relay/calls/102:8102/drop'),
    await command('/relay/calls/8102/divert', { destination: '101' }),
  ];
  const detail = 'this key is restricted to DN 101 and may not command for 102';
  const [byId] = refused.splice(2);
  for (const answer of refused) expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden', detail } });
  // By its id alone it is as if nobody had it: else whoever may command for one extension sees who is on the phone.
  const nobody = await command('/relay/calls/9999/divert', { destination: '101' });
  expect(nobody).toMatchObject({ status: 404, body: { code: 'pbx_gone' } });
  const asNobody = JSON.parse(JSON.stringify(nobody.body).replaceAll('9999', '8102'));
  expect(byId).toMatchObject({ status: 404, body: asNobody });
  // Nobody is there to carry them out, which is another answer.
  const own = ['/relay/calls/101:8101/drop', '/relay/calls/8101/drop'].map(path => command(path));
  for (const answer of await Promise.all(own)) expect(answer.body.code).toMatch(/^pbx_/);
  const read = async () =>
    (await ask('/relay/events?channel=audit&event=call.make,call.drop,call.divert', relay.apiKey)).body;
  const records = await waitFor(
    async () => {
      const events = (await read()).events as { data: { outcome: string; target: string; details: object } }[];
      const denied = events
        .map(({ data }) => data)
        .filter(({ details }) => 'code' in details && details.code === 'forbidden');
      return denied.length >= 3 && denied;
    },
    { what: 'the attempts on record' },
  );
  expect(records).toMatchObject([
    { action: 'call.make', target: '102', outcome: 'not_executed', details: { message: detail } },
    { action: 'call.drop', target: '102:8102', outcome: 'not_executed' },
    { action: 'call.divert', target: '8102', outcome: 'not_executed' },
  ]);
});

test('an idempotency key gives nothing to an API key that was narrowed since', async () => {
  const { id, apiKey } = await relay.createKey();
  const makeCall = () =>
    ask('/relay/calls', apiKey, {
      method: 'POST',
      headers: { 'idempotency-key': 'narrowed' },
      body: JSON.stringify({ dn: '102', destination: '103' }),
    });
  expect((await makeCall()).body.code).toMatch(/^pbx_/);
  const sql = new pg.Client({ connectionString: relay.databaseUrl });
  await sql.connect();
  await sql.query(`UPDATE api_keys SET dns = '{101}' WHERE id = $1`, [id]);
  await sql.end();
  await waitFor(async () => (await makeCall()).status === 403, { what: 'the narrowed key to be refused' });
});

test('a key with addresses is good from there alone, for requests and upgrades', async () => {
  const { apiKey } = await relay.createKey({ addresses: ['203.0.113.0/24', '2001:db8::/32'] });
  expect(await ask('/relay/events', apiKey)).toMatchObject({
    status: 403,
    body: { code: 'address_not_allowed', detail: 'this key may not be used from 127.0.0.1' },
  });
  // What the proxy of this host says of the client it asks for.
  const from = (address: string) => ({ 'x-real-ip': address });
  const request = async (address: string) => (await ask('/relay/events', apiKey, { headers: from(address) })).status;
  const connect = async (address: string) => (await upgrade(apiKey, from(address))).status;
  const inside = ['203.0.113.9', '::ffff:203.0.113.9', '2001:db8:1::1'];
  const outside = ['203.0.114.9', '2001:db9::1', '::1'];
  expect(await Promise.all(inside.map(request))).toEqual([200, 200, 200]);
  expect(await Promise.all(outside.map(request))).toEqual([403, 403, 403]);
  expect(await Promise.all(inside.map(connect))).toEqual([101, 101, 101]);
  expect(await Promise.all(outside.map(connect))).toEqual([403, 403, 403]);
});

test('health tells no details to a key that is used from elsewhere', async () => {
  const { apiKey } = await relay.createKey({ addresses: ['203.0.113.9'] });
  const detailsOf = async (key: string) =>
    Object.keys(((await ask('/relay/health', key)).body.components as { redis: object }).redis);
  expect(await detailsOf(apiKey)).toEqual(['state']);
  expect((await detailsOf(relay.apiKey)).length).toBeGreaterThan(1);
});

test('a command from elsewhere is on record', async () => {
  const { id, apiKey } = await relay.createKey({ addresses: ['203.0.113.9'] });
  const body = JSON.stringify({ dn: '101', destination: '102' });
  expect((await ask('/relay/calls', apiKey, { method: 'POST', body })).status).toBe(403);
  const find = async () => {
    const { events } = (await ask('/relay/events?channel=audit&order=desc&limit=1', relay.apiKey)).body;
    const [latest] = events as { data: { actor: { id: string }; details: object } }[];
    return latest?.data.actor.id === String(id) && latest.data;
  };
  expect(await waitFor(find, { what: 'the attempt on record' })).toMatchObject({
    address: '127.0.0.1',
    outcome: 'not_executed',
    details: { code: 'address_not_allowed' },
  });
});

test('a key that is tried from elsewhere again and again is told to stay away, and is not put on record any more', async () => {
  const { id, apiKey } = await relay.createKey({ addresses: ['203.0.113.9'] });
  const headers = { 'x-real-ip': '198.51.100.9' };
  const attempt = async () => (await ask('/relay/calls', apiKey, { method: 'POST', body: '{}', headers })).status;
  const statuses: number[] = [];
  for (let n = 0; n < 40; n += 1) statuses.push(await attempt());
  expect(statuses.filter(status => status === 403)).toHaveLength(30);
  expect(statuses.slice(30)).toEqual(Array(10).fill(429));
  const onRecord = async () => {
    const { events } = (await ask('/relay/events?channel=audit&order=desc&limit=100', relay.apiKey)).body;
    return (events as { data: { actor: { id: string } } }[]).filter(({ data }) => data.actor.id === String(id)).length;
  };
  await waitFor(async () => (await onRecord()) >= 30, { what: 'the attempts on record' });
  expect(await onRecord()).toBe(30);
  const inside = { 'x-real-ip': '203.0.113.9' };
  expect((await ask('/relay/events', apiKey, { headers: inside })).status).toBe(200);
});

test('a key has no more live connections than it may, sockets and streams, and a place is free when one is closed', async () => {
  const { apiKey } = await relay.createKey({ limits: { maxConnections: 2 } });
  const one = await connectClient(relay.url, apiKey);
  const two = await openSse(`${relay.url}/relay/events/stream`, { 'x-api-key': apiKey });
  expect(two.status).toBe(200);
  expect(await ask('/relay/events/stream', apiKey)).toMatchObject({
    status: 429,
    body: { code: 'too_many_key_connections' },
  });
  const { status, retryAfter, body } = await upgrade(apiKey);
  expect({ status, body }).toMatchObject({ status: 429, body: { code: 'too_many_key_connections' } });
  expect(retryAfter).toBeGreaterThan(0);
  expect((await ask('/relay/events', apiKey)).status).toBe(200);
  await one.close();
  const three = await waitFor(() => connectClient(relay.url, apiKey), { what: 'the place to be free' });
  await three.close();
  two.close();
});

test('upgrades that come at the same time do not pass the limit together, and those refused take no place', async () => {
  const { apiKey } = await relay.createKey({ limits: { maxConnections: 3 } });
  const tries = await Promise.allSettled(Array.from({ length: 10 }, () => connectClient(relay.url, apiKey)));
  const open = tries.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  expect(open).toHaveLength(3);
  await Promise.all(open.map(client => client.close()));
  const again = await waitFor(() => Promise.all([1, 2, 3].map(() => connectClient(relay.url, apiKey))), {
    what: 'all three places to be free',
  });
  await Promise.all(again.map(client => client.close()));
});

test('a key makes no more requests in a second than it may, and is told when to come again', async () => {
  const { apiKey } = await relay.createKey({ limits: { requestsPerSecond: 3 } });
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/relay/events?limit=1', apiKey)));
  // The second may have ended in between.
  const served = answers.filter(({ status }) => status === 200).length;
  expect(served).toBeGreaterThanOrEqual(3);
  expect(served).toBeLessThanOrEqual(6);
  for (const { status, retryAfter, body } of answers.filter(answer => answer.status !== 200)) {
    expect({ status, retryAfter, body }).toMatchObject({
      status: 429,
      retryAfter: 1,
      body: { code: 'too_many_requests' },
    });
  }
  const later = await waitFor(async () => (await ask('/relay/events?limit=1', apiKey)).status === 200, {
    what: 'the next second',
  });
  expect(later).toBe(true);
});
