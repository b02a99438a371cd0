import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { askAdmin, type SignedInTester, signInAs, signInUser } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';

/** Somebody who is signed in to the panel reads the relay as its clients do, and no more than reads it. */
let relay: TestRelay;
let other: TestRelay;
let log: LogFiller;
let viewer: SignedInTester;

beforeAll(async () => {
  relay = await startTestRelay();
  other = await startTestRelay({
    ...{ DATABASE_URL: relay.databaseUrl, REDIS_URL: relay.redisUrl, PBX_ID: relay.pbxId },
    RELAY_CLIENT_BYTES: '16384',
  });
  log = createLogFiller(relay);
  await log.fill(5);
  viewer = await signInAs(relay, { role: 'viewer' });
});

afterAll(async () => {
  await log?.stop();
  await other?.stop();
  await relay?.stop();
});

test('GET /admin/relay/… answers what /relay/… answers to a key', async () => {
  const asKey = await fetch(`${relay.url}/relay/events?after=start`, { headers: { 'x-api-key': relay.apiKey } });
  const asViewer = await viewer.browser('GET', '/admin/relay/events?after=start');
  expect(asViewer.status).toBe(200);
  expect(asViewer.body).toEqual(await asKey.json());
  expect(asViewer.headers.get('cache-control')).toBe('no-store');
});

test('no cache keeps what a session reads, also of a stream whose chunks never change', async () => {
  await log.fill(500);
  // Its chunks are small, so that there is one that more follows.
  const { browser } = await signInUser({ url: other.url, databaseUrl: relay.databaseUrl }, viewer.user);
  const chunk = await fetch(`${other.url}/relay/streams/calls`, { headers: { 'x-api-key': relay.apiKey } });
  expect(chunk.headers.get('cache-control')).toContain('max-age');
  const next = chunk.headers.get('stream-next-offset');
  for (const offset of ['-1', next, 'now']) {
    const answer = await browser('GET', `/admin/relay/streams/calls?offset=${offset}`);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
  }
  const etag = chunk.headers.get('etag') ?? '';
  const same = await browser('GET', '/admin/relay/streams/calls', undefined, { 'if-none-match': etag });
  expect([same.status, same.headers.get('cache-control')]).toEqual([304, 'no-store']);
});

test('a session reads calls, history, errors and the audit', async () => {
  for (const path of [
    'active-calls',
    'events?channel=errors',
    'history/calls',
    'history/audit',
    'history/statistics',
  ]) {
    expect([path, (await viewer.script('GET', `/admin/relay/${path}`)).status]).toEqual([path, 200]);
  }
});

test('a session is told what each component says of itself', async () => {
  const { body } = await viewer.browser('GET', '/admin/relay/health');
  expect(body.components.redis).toHaveProperty('latencyMs');
});

test('a page that is opened learns who is signed in, without being refused', async () => {
  const session = (await viewer.browser('GET', '/admin/session')).body;
  expect(session.user).toMatchObject(viewer.user);
  expect((await viewer.browser('GET', '/admin/setup')).body).toEqual({ needed: false, session });
  expect((await askAdmin(relay.url)('GET', '/admin/setup')).body).toEqual({ needed: false, session: null });
});

test('without a session there is nothing at /admin/relay, and the session is none for /relay', async () => {
  expect((await askAdmin(relay.url)('GET', '/admin/relay/events')).status).toBe(401);
  expect((await viewer.browser('GET', '/relay/events')).status).toBe(401);
});

test('what changes something is not there for a session, whatever its role', async () => {
  const admin = await signInAs(relay, { role: 'admin' });
  const call = { dn: '101', destination: '102' };
  expect((await admin.browser('POST', '/admin/relay/calls', call)).status).toBe(404);
  expect((await admin.browser('POST', '/admin/relay/tickets', {})).status).toBe(404);
});

test('its requests are on record under its name and under no key', async () => {
  const auditor = await signInAs(relay, { role: 'viewer', username: 'auditor' });
  await auditor.browser('GET', '/admin/relay/history/calls');
  const record = await waitFor(
    async () => {
      const { body } = await auditor.script('GET', '/admin/relay/events?channel=requests&order=desc&limit=50');
      return body.events.find(({ data }: { data: { client: string } }) => data.client === 'panel:auditor')?.data;
    },
    { what: 'the request on record' },
  );
  expect(record).toMatchObject({ keyId: null, endpoint: '/relay/history/calls', status: 200 });
});

test('whoever is refused in the admin API is on record by his name, and so many times a second', async () => {
  const refused = await signInAs(relay, { role: 'viewer', username: 'refused' });
  const ask = () => refused.browser('GET', '/admin/users');
  for (const { status } of await Promise.all(Array.from({ length: 40 }, ask))) expect(status).toBe(403);
  const named = async () => {
    const { body } = await viewer.script('GET', '/admin/relay/events?channel=requests&order=desc&limit=200');
    return body.events.filter(({ data }: { data: { client: string } }) => data.client === 'panel:refused');
  };
  const records = await waitFor(async () => (await named()).length > 0 && named(), { what: 'the refusals on record' });
  expect(records[0].data).toMatchObject({ keyId: null, endpoint: '/admin/users', method: 'GET', status: 403 });
  // Two seconds at most, ten in each.
  expect(records.length).toBeLessThanOrEqual(20);
});

test('an export is audited with the user who made it', async () => {
  const exporter = await signInAs(relay, { role: 'viewer' });
  expect((await exporter.browser('GET', '/admin/relay/history/calls?format=csv')).status).toBe(200);
  const entry = await waitFor(
    async () => {
      const { body } = await exporter.script('GET', '/admin/relay/events?channel=audit&event=history.export');
      return body.events.find(
        ({ data }: { data: { actor: { name: string } } }) => data.actor.name === exporter.user.username,
      );
    },
    { what: 'the export in the audit' },
  );
  expect(entry.data).toMatchObject({ actor: { kind: 'admin', id: String(exporter.user.id) }, target: 'history:calls' });
});

test('a ticket lets one WebSocket in, at any instance, and only once', async () => {
  const { status, body } = await viewer.browser('POST', '/admin/tickets', {});
  expect(status).toBe(201);
  const socket = await open(other.url, body.ticket);
  const [message] = (await once(socket, 'message')) as [Buffer];
  expect(JSON.parse(message.toString())).toMatchObject({ type: 'hello' });
  socket.close();
  expect(await closeOf(connect(relay.url, body.ticket))).toBe(4001);
});

test('a ticket needs the CSRF token, and a body that says nothing', async () => {
  expect((await viewer.browser('POST', '/admin/tickets', {}, { 'x-csrf-token': '' })).body.code).toBe('csrf_required');
  expect((await viewer.browser('POST', '/admin/tickets', { for: 'ever' })).status).toBe(400);
});

test('the end of a session closes what hangs on it at every instance, and its tickets let nobody in', async () => {
  const leaving = await signInUser(relay, viewer.user);
  const [first, unused] = await Promise.all([ticketOf(leaving), ticketOf(leaving)]);
  const socket = await open(other.url, first);
  const closed = closeOf(socket);
  expect((await leaving.browser('POST', '/admin/logout')).status).toBe(204);
  expect(await closed).toBe(4009);
  expect(await closeOf(connect(relay.url, unused))).toBe(4001);
});

async function ticketOf(tester: SignedInTester): Promise<string> {
  return (await tester.browser('POST', '/admin/tickets', {})).body.ticket;
}

function connect(url: string, ticket: string): WebSocket {
  return new WebSocket(`${url.replace('http', 'ws')}/relay/ws`, ['relay.v1', `ticket.${ticket}`]);
}

async function open(url: string, ticket: string): Promise<WebSocket> {
  const socket = connect(url, ticket);
  await once(socket, 'open');
  return socket;
}

async function closeOf(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}
