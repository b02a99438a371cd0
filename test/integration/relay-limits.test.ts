import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay | undefined;
let log: LogFiller | undefined;

afterEach(async () => {
  await log?.stop();
  await relay?.stop();
  log = undefined;
  relay = undefined;
});

it('a relay that stops tells every client when to come back, then closes them with 1012', async () => {
  relay = await startTestRelay({ RELAY_DRAIN_MS: '600' });
  const { url, apiKey } = relay;
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectClient(url, apiKey)));
  await Promise.all(clients.map(client => client.waitForMessage('caught_up')));
  const stopping = relay.stop();
  relay = undefined;
  const ends = await Promise.all(clients.map(client => client.closed.then(end => ({ ...end, at: performance.now() }))));
  await stopping;
  expect(ends.every(({ code }) => code === 1012)).toBe(true);
  const advice = clients.map(client => client.messages.at(-1));
  for (const message of advice) expect(message).toMatchObject({ type: 'reconnect' });
  const waits = advice.map(message => Number(message?.afterMs));
  expect(Math.max(...waits)).toBeLessThanOrEqual(600);
  // Spread, not all at once: twenty random moments of the window never fall into a tenth of it.
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(60);
  const times = ends.map(({ at }) => at);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(60);
});

it('a relay that stops answers those who wait for events at once', async () => {
  relay = await startTestRelay();
  const { url, apiKey, metric } = relay;
  const request = fetch(`${url}/relay/events?after=now&wait=60`, { headers: { 'x-api-key': apiKey } });
  await waitFor(async () => (await metric('relay_waiting_requests')) === 1, { what: 'the request to wait' });
  const stopping = relay.stop();
  relay = undefined;
  expect(await (await request).json()).toMatchObject({ events: [], more: false });
  await stopping;
});

it('a relay that stops finishes the requests it has begun', async () => {
  relay = await startTestRelay();
  const { url, apiKey, databaseUrl } = relay;
  const holder = new pg.Client(databaseUrl);
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
  const request = fetch(`${url}/relay/active-calls`, { headers: { 'x-api-key': apiKey } });
  // By the pool of this relay: its watch of the keys waits for the same lock, on a connection of another name.
  const waiting = `SELECT 1 FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND application_name = 'relay' AND datname = current_database()`;
  const isHeld = async () => (await holder.query(waiting)).rowCount === 1;
  await waitFor(isHeld, { what: 'the request to be held up in the key store' });
  const stopping = relay.stop();
  relay = undefined;
  const released = sleep(300).then(() => holder.query('COMMIT'));
  expect((await request).status).toBe(200);
  await released;
  await holder.end();
  await stopping;
});

it('a client over the limit of connections is refused with 429, and served when another has left', async () => {
  relay = await startTestRelay({ RELAY_MAX_CONNECTIONS: '1' });
  const { url, apiKey } = relay;
  const first = await connectClient(url, apiKey);
  await expect(connectClient(url, apiKey)).rejects.toThrow('429');
  await first.close();
  const second = await waitFor(() => connectClient(url, apiKey), { what: 'the place to be free' });
  await second.waitForMessage('hello');
  await second.close();
});

it('a request over the limit of waiting ones is answered at once with what there is', async () => {
  relay = await startTestRelay({ RELAY_MAX_WAITING_REQUESTS: '1' });
  log = createLogFiller(relay);
  await log.fill(1);
  const { url, apiKey } = relay;
  const get = (query: string) => fetch(`${url}/relay/events?${query}`, { headers: { 'x-api-key': apiKey } });
  const { head } = (await (await get('limit=1')).json()) as { head: string };
  const path = `after=${head}&wait=30`;
  const [one, other] = [get(path), get(path)];
  const quick = await Promise.race([one, other]);
  expect(await quick.json()).toMatchObject({ events: [], next: head });
  await log.fill(1);
  const answers = await Promise.all([one, other]);
  const waited = answers.filter(answer => answer !== quick);
  expect(await Promise.all(waited.map(answer => answer.json()))).toMatchObject([{ events: [{ type: 'call_event' }] }]);
});

it('a client that answers no ping for two heartbeats is cut off', async () => {
  relay = await startTestRelay({ RELAY_HEARTBEAT_MS: '300' });
  const address = `${relay.url.replace('http', 'ws')}/relay/ws`;
  const silent = new WebSocket(address, { headers: { 'x-api-key': relay.apiKey }, autoPong: false });
  const answering = await connectClient(relay.url, relay.apiKey);
  const code = await new Promise(resolve => silent.once('close', resolve));
  expect(code).toBe(1006);
  answering.send({ type: 'ping' });
  await answering.waitForMessage('pong');
  await answering.close();
});
