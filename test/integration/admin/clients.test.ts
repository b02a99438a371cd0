import { once } from 'node:events';
import { clientsAnswer } from '@3cx-relay/shared/wire/admin/clients.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** Who is connected, to whatever relay instance. */
let relay: TestRelay;
let other: TestRelay;
let log: LogFiller;
let admin: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_MAX_LISTED_CLIENTS: '4' });
  other = await startTestRelay({
    ...{ DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId },
  });
  log = createLogFiller(relay);
  await log.fill(5);
  admin = await signInAs(relay);
});

afterAll(async () => {
  await log?.stop();
  await other?.stop();
  await relay?.stop();
});

async function listed(clientName: string) {
  const { clients, incomplete } = clientsAnswer.parse((await admin.browser('GET', '/admin/clients')).body);
  return { clients: clients.filter(client => client.clientName === clientName), incomplete };
}

async function connect(url: string, name: string, query = 'channels=calls'): Promise<WebSocket> {
  const { apiKey } = await relay.keys.generateKey(name, ['read'], 'test');
  const socket = new WebSocket(`${url.replace('http', 'ws')}/relay/ws?${query}`, { headers: { 'x-api-key': apiKey } });
  await once(socket, 'open');
  return socket;
}

test('clients of every instance are listed with who they are, what they asked for and where they stand', async () => {
  const near = await connect(relay.url, 'listed', 'channels=calls&dn=101&event=call.ended');
  const far = await connect(other.url, 'listed', 'channels=calls&after=start');
  const { clients, incomplete } = await waitFor(
    async () => {
      const found = await listed('listed');
      const isThere = found.clients.every(({ channels }) => channels[0]?.lagEvents === 0);
      return found.clients.length === 2 && found.clients.every(({ channels }) => channels.length === 1) && isThere
        ? found
        : null;
    },
    { what: 'both clients' },
  );
  expect(incomplete).toBeNull();
  expect(new Set(clients.map(({ instance }) => instance)).size).toBe(2);
  expect(clients.find(({ channels }) => channels[0]?.filters.dn)).toMatchObject({
    ...{ transport: 'ws', user: null, address: '127.0.0.1', queuedBytes: 0 },
    channels: [{ channel: 'calls', lagEvents: 0, lagSeconds: 0, filters: { dn: ['101'], event: ['call.ended'] } }],
  });
  near.close();
  far.close();
});

test('somebody who is signed in is listed under the name of the user and without a key', async () => {
  const { body } = await admin.browser('POST', '/admin/tickets', {});
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/relay/ws`, ['relay.v1', `ticket.${body.ticket}`]);
  await once(socket, 'open');
  const { clients } = await listed(`panel:${admin.user.username}`);
  expect(clients).toMatchObject([{ keyId: null, user: admin.user.username }]);
  socket.close();
});

test('streams of events and durable streams are listed, too', async () => {
  const { apiKey, id } = await relay.keys.generateKey('streams', ['read'], 'test');
  const leaving = new AbortController();
  const options = { headers: { 'x-api-key': apiKey }, signal: leaving.signal };
  await fetch(`${relay.url}/relay/events/stream?event=call.ended`, options);
  await fetch(`${relay.url}/relay/streams/calls?live=sse&offset=now&dn=102`, options);
  const { clients } = await listed('streams');
  expect(clients.map(({ transport }) => transport).sort()).toEqual(['sse', 'stream']);
  expect(clients.find(({ transport }) => transport === 'stream')?.channels).toMatchObject([
    { channel: 'calls', lagEvents: 0, filters: { dn: ['102'] } },
  ]);
  const { body } = await admin.browser('GET', '/admin/api-keys');
  expect(body.apiKeys.find((key: { id: number }) => key.id === id).connections).toBe(2);
  leaving.abort();
});

test('an admin disconnects a client of another instance, which may come back, and the audit says so', async () => {
  const socket = await connect(other.url, 'unwanted');
  const messages: string[] = [];
  socket.on('message', data => messages.push(String(data)));
  const { clients } = await listed('unwanted');
  const session = clients[0]?.session;
  const closed = once(socket, 'close');
  expect((await admin.browser('POST', `/admin/clients/${session}/disconnect`)).status).toBe(204);
  expect((await closed)[0]).toBe(1012);
  expect(messages.some(text => JSON.parse(text).type === 'reconnect')).toBe(true);
  const entry = await waitFor(
    async () => {
      const path = '/admin/relay/events?channel=audit&event=client.disconnect&after=start';
      return (await admin.script('GET', path)).body.events[0]?.data;
    },
    { what: 'the disconnect in the audit' },
  );
  expect(entry).toMatchObject({ actor: { name: admin.user.username }, target: `client:${session}` });
});

test('who is not connected cannot be disconnected, and a viewer disconnects nobody', async () => {
  expect((await admin.browser('POST', '/admin/clients/nobody/disconnect')).status).toBe(404);
  const viewer = await signInAs(relay, { role: 'viewer' });
  expect((await viewer.browser('GET', '/admin/clients')).status).toBe(200);
  expect((await viewer.browser('POST', '/admin/clients/nobody/disconnect')).status).toBe(403);
});

test('more clients than an instance lists are counted', async () => {
  const sockets = await Promise.all(Array.from({ length: 6 }, () => connect(relay.url, 'many')));
  const { clients, incomplete } = await listed('many');
  expect(clients.length).toBeLessThanOrEqual(4);
  expect(incomplete).toMatch(/more clients are connected/);
  for (const socket of sockets) socket.close();
});
