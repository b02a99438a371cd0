import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient, type RelayClient, type WireMessage } from '../harness/relay-client.ts';
import { openSse } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';

const ANONYMOUS_PER_SECOND = 5;

type Data = { endpoint: string; method: string; status: number; suppressed?: number; [field: string]: unknown };

let relay: TestRelay;
/** Follows the channel by WebSocket, so that watching makes no entries. */
let watcher: RelayClient;

beforeAll(async () => {
  relay = await startTestRelay({
    RELAY_MAX_ANONYMOUS_REQUEST_ENTRIES_PER_SECOND: String(ANONYMOUS_PER_SECOND),
    RELAY_FAILED_KEYS_PER_MINUTE: '100000',
  });
  watcher = await connectClient(relay.url, relay.apiKey, { channels: 'requests', after: 'start' });
  await watcher.waitForMessage('caught_up');
});

afterAll(async () => {
  await watcher?.close();
  await relay?.stop();
});

function get(path: string, key: string | null = relay.apiKey, init: RequestInit = {}): Promise<Response> {
  return fetch(`${relay.url}${path}`, { ...init, headers: key === null ? {} : { authorization: `Bearer ${key}` } });
}

/** The entries since the mark was set. */
function mark(): () => { event: string; data: Data }[] {
  const from = watcher.entries().length;
  return () => watcher.entries().slice(from) as (WireMessage & { event: string; data: Data })[];
}

async function entryOf(since: () => { event: string; data: Data }[], match: Partial<Data>) {
  const isIt = ({ data }: { data: Data }) => Object.entries(match).every(([name, value]) => data[name] === value);
  return waitFor(() => since().find(isIt), { what: `an entry with ${JSON.stringify(match)}` });
}

it('a request is an entry: route, method, status, time, whose key, from where', async () => {
  const since = mark();
  await (await get('/relay/active-calls?source=projection')).text();
  const { data, ...entry } = await entryOf(since, { endpoint: '/relay/active-calls' });
  expect(entry).toMatchObject({ type: 'request', event: 'http.request' });
  expect(data).toEqual({
    endpoint: '/relay/active-calls',
    method: 'GET',
    status: 200,
    durationMs: expect.any(Number),
    keyId: 1,
    client: 'test',
    address: '127.0.0.1',
    transport: 'http',
    bytes: expect.any(Number),
  });
  expect(data.bytes).toBeGreaterThan(50);
});

it('refusals are entries, by the template of the route and never by what was sent', async () => {
  const since = mark();
  await get('/relay/calls/8107/drop?token=s3cret', relay.powerlessKey, { method: 'POST' });
  await get('/relay/events?limit=s3cret');
  await get('/relay/s3cret');
  await get('/relay/health', null, { method: 'DELETE' });
  await get('/relay/active-calls', `3cxr_${'5'.repeat(64)}`);
  const forbidden = await entryOf(since, { endpoint: '/relay/calls/:participant/drop' });
  expect(forbidden.data).toMatchObject({ method: 'POST', status: 403, client: 'powerless' });
  await entryOf(since, { endpoint: '/relay/events', status: 400, client: 'test' });
  await entryOf(since, { endpoint: 'unmatched', status: 404, keyId: null });
  await entryOf(since, { endpoint: '/relay/health', status: 405, method: 'DELETE' });
  await entryOf(since, { endpoint: '/relay/active-calls', status: 401, keyId: null });
  expect(JSON.stringify(since())).not.toMatch(/s3cret|8107|55555/);
});

it('health with a key is an entry of that key', async () => {
  const since = mark();
  await get('/relay/health');
  await entryOf(since, { endpoint: '/relay/health', status: 200, client: 'test' });
});

it('a WebSocket is an entry when it opens and one when it ends', async () => {
  const since = mark();
  const client = await connectClient(relay.url, relay.apiKey, { channels: '' });
  await client.waitForMessage('hello');
  const opened = await entryOf(since, { endpoint: '/relay/ws', status: 101 });
  expect(opened).toMatchObject({ event: 'ws.upgrade', data: { transport: 'ws', keyId: 1, client: 'test' } });
  await client.close();
  const ended = await entryOf(since, { closeCode: 1005 });
  expect(ended).toMatchObject({ event: 'ws.end', data: { endpoint: '/relay/ws', client: 'test' } });
  expect(ended.data.bytes).toBeGreaterThan(100);
});

it('an event stream is an entry when it ends', async () => {
  const since = mark();
  const stream = await openSse(`${relay.url}/relay/events/stream`, { 'x-api-key': relay.apiKey });
  await stream.waitForMessage('caught_up');
  stream.close();
  const ended = await entryOf(since, { endpoint: '/relay/events/stream' });
  expect(ended).toMatchObject({ event: 'sse.end', data: { transport: 'sse', status: 200, client: 'test' } });
  expect(ended.data.bytes).toBeGreaterThan(100);
});

it('an upgrade that was refused is an entry, by its status whatever way it was told', async () => {
  const since = mark();
  await expect(connectClient(relay.url, relay.powerlessKey)).rejects.toThrow('403');
  const refused = await entryOf(since, { endpoint: '/relay/ws', status: 403 });
  expect(refused).toMatchObject({ event: 'ws.upgrade', data: { client: 'powerless' } });
  const browser = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, [`ticket.${'A'.repeat(43)}`]);
  await new Promise(resolve => browser.once('close', resolve));
  const told = await entryOf(since, { endpoint: '/relay/ws', status: 401 });
  expect(told).toMatchObject({ event: 'ws.upgrade', data: { closeCode: 4001, keyId: null } });
});

it('a channel that is refused on an open WebSocket is an entry, once for each however often it is asked for', async () => {
  const since = mark();
  const total = await relay.metric('relay_requests_total');
  const client = await connectClient(relay.url, relay.powerlessKey, { channels: '' });
  await client.waitForMessage('hello');
  for (let n = 0; n < 3; n += 1) client.send({ type: 'subscribe', channels: { calls: {}, audit: {} } });
  await waitFor(() => client.messages.filter(({ type }) => type === 'error').length === 6, { what: 'six refusals' });
  await client.close();
  await entryOf(since, { closeCode: 1005 });
  const refused = since().filter(({ event }) => event === 'ws.refuse');
  expect(refused.map(({ data }) => data.channel).toSorted()).toEqual(['audit', 'calls']);
  for (const { data } of refused) {
    expect(data).toMatchObject({ endpoint: '/relay/ws', status: 403, client: 'powerless', transport: 'ws' });
  }
  expect(await relay.metric('relay_requests_total')).toBe(total + 1);
});

it('reading the requests makes no entries, so that whoever waits for them does not wake himself', async () => {
  await get('/relay/active-calls');
  const page = async (query: string) => {
    const response = await get(`/relay/events?channel=requests&${query}`);
    expect(response.status).toBe(200);
    return (await response.json()) as { events: object[]; head: string };
  };
  // Until all is written that was asked for before.
  const { head } = await waitFor(
    async () => {
      const first = await page('order=desc&limit=1');
      const second = await page('after=now&wait=1');
      return first.head === second.head ? second : null;
    },
    { what: 'the channel to be quiet while it is read' },
  );
  for (let i = 0; i < 5; i += 1) await page('limit=10');
  expect(await page(`after=${head}&wait=1`)).toMatchObject({ events: [], head });
});

it('naming the channel keeps nobody out of the log who may not read it', async () => {
  const since = mark();
  await get('/relay/events?channel=requests', `3cxr_${'6'.repeat(64)}`);
  await entryOf(since, { endpoint: '/relay/events', status: 401 });
  await get('/relay/active-calls?channel=requests');
  await entryOf(since, { endpoint: '/relay/active-calls', client: 'test' });
});

it('the panel and the preflights of browsers are no requests to the API', async () => {
  const since = mark();
  await get('/admin', null, { redirect: 'manual' });
  await fetch(`${relay.url}/relay/events`, {
    method: 'OPTIONS',
    headers: { origin: relay.url, 'access-control-request-method': 'GET' },
  });
  await get('/relay/active-calls');
  await entryOf(since, { endpoint: '/relay/active-calls' });
  expect(since().map(({ data }) => data.endpoint)).toEqual(['/relay/active-calls']);
});

it('strangers cannot fill the log, every one of them is counted, and those with a key are all written', async () => {
  // A second without strangers: the quota is whole again.
  const quietUntil = Date.now() + 1_100;
  await waitFor(() => Date.now() > quietUntil, { what: 'the quota to be whole' });
  const since = mark();
  const startedAt = performance.now();
  const flood = Array.from({ length: 300 }, () => get('/relay/wp-login.php', null));
  const known = Array.from({ length: 50 }, () => get('/relay/active-calls'));
  await Promise.all([...flood, ...known].map(async answer => (await answer).text()));
  const strangers = () => since().filter(({ data }) => data.endpoint === 'unmatched');
  const counted = () => strangers().reduce((sum, { data }) => sum + 1 + (data.suppressed ?? 0), 0);
  await waitFor(() => counted() >= 300, { what: 'all strangers to be counted' });
  expect(counted()).toBe(300);
  const seconds = Math.ceil((performance.now() - startedAt) / 1000);
  expect(strangers().length).toBeLessThanOrEqual((seconds + 1) * ANONYMOUS_PER_SECOND);
  const written = () => since().filter(({ data }) => data.client === 'test').length;
  await waitFor(() => written() === 50, { what: 'every request with a key' });
});

it('requests are counted by route, method and class of the status', async () => {
  const total = await relay.metric('relay_requests_total');
  await get('/relay/active-calls');
  await get('/relay/events?channel=requests');
  await waitFor(async () => (await relay.metric('relay_requests_total')) === total + 2, { what: 'both to be counted' });
  expect(await relay.metric('relay_request_entries_lost_total')).toBe(0);
});
