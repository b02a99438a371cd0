import { problemSchema } from '@3cx-relay/relay/documents/problem-schema.ts';
import { problemsOf } from '@3cx-relay/relay/documents/route-description.ts';
import { ROUTES } from '@3cx-relay/relay/documents/routes.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { serverMessage } from '@3cx-relay/shared/wire/messages.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectClient, type RelayClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { createTeller } from '../harness/undescribed.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Everything that the product says in a short, eventful time, held against what is published of it. Each test goes on from the one before. */
let system: System;
let client: RelayClient;

const undescribed = createTeller(serverMessage);
const undescribedProblem = createTeller(problemSchema);

const SCENARIOS: readonly object[] = [
  { scenario: 'inbound', dn: '101' },
  { scenario: 'missed', dn: '102' },
  { scenario: 'outbound', dn: '103' },
  { scenario: 'busy', dn: '104' },
  { scenario: 'failed', dn: '105' },
  { scenario: 'internal', dn: '106', number: '107' },
  { scenario: 'queue', dn: '108', queue: '800', agents: ['108', '109'], answeredBy: '109', rounds: 1 },
  { scenario: 'ringGroup', dn: '110', ringGroup: '810', agents: ['110', '111'], answeredBy: '110' },
  { scenario: 'transfer', dn: '112', transferTo: '113', transferAnswered: true },
  { scenario: 'consult', dn: '114', transferTo: '115', transferAnswered: true },
  { scenario: 'dtmf', dn: '116', digits: '12#' },
];

beforeAll(async () => {
  system = await startSystem({
    SIM_TIME_SCALE: '0.05',
    INGEST_RECORDS_DELAYS_MS: '500,2000',
    INGEST_END_GRACE_MS: '200',
    RELAY_HEARTBEAT_MS: '1000',
  });
  client = await connectClient(system.relayUrl, system.apiKey, { channels: CHANNELS.join(), after: 'start' });
});

afterAll(async () => {
  await client?.close();
  await system?.stop();
});

/** What the messages so far tell about: their types, and what the entries name as events and origins. */
function seen(): Set<unknown> {
  return new Set(client.messages.flatMap(({ type, event, events, origin }) => [type, event, origin, events].flat()));
}

function waitToSee(...wanted: string[]): Promise<unknown> {
  const missing = () => wanted.filter(name => !seen().has(name));
  return waitFor(() => missing().length === 0 || Promise.reject(new Error(`not seen: ${missing().join()}`)), {
    what: `messages that tell ${wanted.join()}`,
    timeoutMs: 30_000,
  });
}

test('every message that the product sends is described, every field of it', async () => {
  // Longer than from one look at it to the next.
  await system.sim('POST', '/sim/faults', { kind: 'database-down', ms: 5_500 });
  for (const call of SCENARIOS) await system.sim('POST', '/sim/calls', call);
  await system.sim('POST', '/sim/devices', { dn: '101', deviceId: 'sip:101@127.0.0.1:5999', registered: true });
  await system.sim('POST', '/sim/faults', { kind: 'garbage', count: 16 });
  await waitToSee('call.transferred', 'call.dtmf', 'queue.answered', 'extension.status', 'pbx.event', 'error.error');
  await system.sim('POST', '/sim/faults', { kind: 'drop', ms: 1_000 });
  await system.sim('POST', '/sim/calls', { scenario: 'inbound', dn: '120', ringMs: 60_000 });
  await system.sim('POST', '/sim/calls', { scenario: 'inbound', dn: '121', ringMs: 10, talkMs: 10 });
  await waitToSee('gap', 'reconcile', 'grace', 'cdr', 'call.finalized', 'health.sample', 'health.state_change');
  expect(client.messages.flatMap(message => undescribed(message))).toEqual([]);
});

type Asked = { path: string; status: number; as?: string; method?: 'post'; body?: object; key?: string | null };

/** What an answer holds that is not published of it. `as` is the template of the path. */
async function undescribedAnswer({ path, status, as, method, body, key = system.apiKey }: Asked): Promise<unknown[]> {
  const template = as ?? path.replace(/\?.*/, '');
  const route = ROUTES.find(each => each.path === template && each.method === (method ?? 'get'));
  if (!route) return [`${template} is not described`];
  const answer = await fetch(system.relayUrl + path, {
    method: route.method.toUpperCase(),
    headers: key === null ? {} : { 'x-api-key': key },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const type = answer.headers.get('content-type')?.replace(/;.*/, '') ?? '';
  const value = (await answer.json()) as { code?: string };
  if (answer.status !== status) return [`${path} answered ${answer.status}: ${JSON.stringify(value)}`];
  if (type === 'application/problem+json') {
    const isListed = problemsOf(route).some(code => code === value.code);
    return isListed ? undescribedProblem(value) : [`${path} may answer ${value.code}`];
  }
  const schema = route.answers[status]?.content?.[type]?.schema;
  return schema ? createTeller(schema)(value) : [`${path} ${status} ${type} is not described`];
}

const call = { dn: '122', destination: '+4930123456' };
const action = { as: '/relay/calls/{participant}/drop', method: 'post' } as const;

test.each<Asked>([
  ...CHANNELS.map(channel => ({ path: `/relay/events?channel=${channel}&limit=1000`, status: 200 })),
  { path: '/relay/events?order=desc', status: 200 },
  { path: '/relay/events?limit=0', status: 400 },
  { path: '/relay/events?after=nowhere', status: 400 },
  { path: '/relay/events', status: 401, key: null },
  { path: '/relay/events/stream?after=nowhere', status: 400 },
  { path: '/relay/active-calls', status: 200 },
  { path: '/relay/active-calls?source=xapi', status: 200 },
  { path: '/relay/active-calls?source=elsewhere', status: 400 },
  { path: '/relay/tickets', status: 201, method: 'post' },
  { path: '/relay/tickets?for=me', status: 400, method: 'post' },
  { path: '/relay/health', status: 200 },
  { path: '/relay/health', status: 200, key: null },
  { path: '/relay/calls', status: 202, method: 'post', body: call },
  { path: '/relay/calls', status: 400, method: 'post', body: { dn: '122' } },
  { path: '/relay/calls/122:999999/drop', status: 404, ...action },
  { path: '/relay/calls/nobody/drop', status: 400, ...action },
])('the answer $status of $path is described, every field of it', async asked => {
  expect(await undescribedAnswer(asked)).toEqual([]);
});

test('and so is what the socket says beside the events, to its end', async () => {
  client.send({ type: 'subscribe', channels: { calls: { snapshot: true } } });
  client.send({ type: 'ping' });
  client.send({ type: 'dance' });
  client.send({ type: 'unsubscribe', channels: ['requests'] });
  await waitToSee('audit', 'request', 'hello', 'snapshot', 'caught_up', 'position', 'unsubscribed', 'pong', 'error');
  await system.service('relay').stop();
  await waitToSee('reconnect');
  expect(client.messages.flatMap(message => undescribed(message))).toEqual([]);
});
