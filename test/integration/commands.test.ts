import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createIngestStand, type IngestStand } from './fixtures/ingest-stand.ts';

/** A client of the public API, the relay, ingest as a process of its own, and the PBX behind it. */
let stand: IngestStand;
let relay: TestRelay;

const TIMEOUT_MS = 3_000;

beforeAll(async () => {
  stand = await createIngestStand();
  relay = await startTestRelay({
    PBX_ID: stand.keys.pbxId,
    RELAY_COMMAND_TIMEOUT_MS: String(TIMEOUT_MS),
    RELAY_MAX_COMMANDS: '3',
  });
  await stand.start();
});

afterAll(async () => {
  await relay?.stop();
  await stand?.stop();
});

afterEach(() => stand.sim.request('DELETE', '/sim/faults'));

type Answer = { status: number; retryAfter: string | null; body: Record<string, unknown> };

async function post(path: string, body: unknown, options: { key?: string; apiKey?: string } = {}): Promise<Answer> {
  const response = await fetch(`${relay.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${options.apiKey ?? relay.apiKey}`,
      'content-type': 'application/json',
      ...(options.key === undefined ? {} : { 'idempotency-key': options.key }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const type = response.headers.get('content-type');
  expect(type).toContain(response.status < 400 ? 'application/json' : 'application/problem+json');
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    body: (await response.json()) as Record<string, unknown>,
  };
}

const fault = (order: object) => stand.sim.post('/sim/faults', order);

async function callsMade(): Promise<number> {
  const { body } = await stand.sim.get('/sim/state');
  return (body as { totals: { started: number } }).totals.started;
}

async function audits(commandId: unknown): Promise<Record<string, unknown>[]> {
  const entries = await stand.entries('audit');
  const all = entries.map(({ body }) => JSON.parse(body).data as { details: { commandId: string } });
  return all.filter(({ details }) => details.commandId === commandId);
}

/** The legs that the relay shows, each with its call. */
async function legs(): Promise<{ dn: string; participantId: number; status: string; callId: string }[]> {
  const response = await fetch(`${relay.url}/relay/active-calls`, {
    headers: { authorization: `Bearer ${relay.apiKey}` },
  });
  const { calls } = (await response.json()) as {
    calls: { callId: string; legs: { dn: string; participantId: number; status: string }[] }[];
  };
  return calls.flatMap(call => call.legs.map(leg => ({ ...leg, callId: call.callId })));
}

async function eventsAfter(expectation: { position: unknown; expect: unknown }, seconds = 15): Promise<unknown[]> {
  const { event, dn } = expectation.expect as { event: string; dn: string };
  const query = new URLSearchParams({ after: String(expectation.position), event, dn, wait: String(seconds) });
  const response = await fetch(`${relay.url}/relay/events?${query}`, {
    headers: { authorization: `Bearer ${relay.apiKey}` },
  });
  return ((await response.json()) as { events: unknown[] }).events;
}

test('a call is made, and the event to expect follows the position', async () => {
  const { status, body } = await post('/relay/calls', { dn: '101', destination: '+49301234567' });
  expect(status).toBe(202);
  expect(body).toMatchObject({
    commandId: expect.stringMatching(/^cmd_/),
    outcome: 'done',
    participant: { dn: '101' },
    expect: { channel: 'calls', event: 'call.started', dn: '101' },
  });
  const events = await eventsAfter(body as { position: unknown; expect: unknown });
  expect(events).toMatchObject([{ participant: { id: (body.participant as { id: number }).id } }]);
  expect(await audits(body.commandId)).toMatchObject([
    {
      action: 'call.make',
      actor: { kind: 'api_key', name: 'test' },
      address: '127.0.0.1',
      target: '101',
      outcome: 'done',
      details: { destination: '+49301234567' },
    },
  ]);
});

test('a participant named by its id alone is found, answers, and is dropped', async () => {
  await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '104', ringMs: 600_000, talkMs: 600_000 });
  const find = (status: string) => async () => (await legs()).find(leg => leg.dn === '104' && leg.status === status);
  const leg = await waitFor(find('Ringing'), { what: 'extension 104 to ring' });
  const answered = await post(`/relay/calls/${leg.participantId}/answer`, {});
  expect(answered.status).toBe(202);
  expect(answered.body.expect).toEqual({ channel: 'calls', event: 'call.answered', dn: '104', call: leg.callId });
  expect(await eventsAfter(answered.body as never)).toHaveLength(1);
  await waitFor(find('Connected'), { what: 'extension 104 to talk' });
  const dropped = await post(`/relay/calls/104:${leg.participantId}/drop`, '');
  expect(dropped.body.expect).toMatchObject({ event: 'call.ended', call: leg.callId });
  expect(await eventsAfter(dropped.body as never)).toHaveLength(1);
});

test.each([
  [403, 403, 'pbx_forbidden', /the PBX, not the relay, forbids this/],
  [404, 404, 'pbx_gone', /does not know DN 102/],
  [422, 409, 'pbx_not_possible', /cannot do this/],
  [424, 409, 'pbx_not_possible', /cannot do this/],
  [400, 409, 'pbx_rejected', /rejected this/],
  [503, 503, 'pbx_unavailable', /was not executed/],
  [500, 504, 'pbx_timeout', /may have been executed/],
])('a %i of the PBX is a %i with the code %s', async (pbxStatus, status, code, detail) => {
  await fault({ kind: 'http-error', status: pbxStatus, path: '/callcontrol/102/makecall' });
  const answer = await post('/relay/calls', { dn: '102', destination: '103' });
  expect(answer).toMatchObject({ status, body: { status, code, detail: expect.stringMatching(detail) } });
  expect(await audits(answer.body.commandId)).toHaveLength(1);
});

test('what the PBX says with its refusal is handed on', async () => {
  const { status, body } = await post('/relay/calls', { dn: '102', destination: '102' });
  expect(status).toBe(409);
  expect(body.detail).toContain('the destination is missing or is the caller');
});

test('a token that died is replaced, and the call is made once', async () => {
  const before = await callsMade();
  await fault({ kind: 'expire-token' });
  expect((await post('/relay/calls', { dn: '103', destination: '+4930' })).status).toBe(202);
  expect(await callsMade()).toBe(before + 1);
});

test('the same idempotency key gives the same answer and no second call', async () => {
  const before = await callsMade();
  const order = { dn: '105', destination: '+49305' };
  const [one, other] = await Promise.all([
    post('/relay/calls', order, { key: 'order-105' }),
    post('/relay/calls', order, { key: 'order-105' }),
  ]);
  const again = await post('/relay/calls', order, { key: 'order-105' });
  expect(one.status).toBe(202);
  expect(other).toEqual(one);
  expect(again).toEqual(one);
  expect(await callsMade()).toBe(before + 1);
  const changed = await post('/relay/calls', { ...order, destination: '+49306' }, { key: 'order-105' });
  expect(changed).toMatchObject({ status: 409, body: { code: 'idempotency_conflict' } });
  expect(await callsMade()).toBe(before + 1);
});

test('an answer that comes too late is learnt with the same key, and the call is made once', async () => {
  const before = await callsMade();
  await fault({ kind: 'slow', ms: TIMEOUT_MS + 1_500, path: '/callcontrol/106/makecall' });
  const order = { dn: '106', destination: '+49306' };
  const late = await post('/relay/calls', order, { key: 'order-106' });
  expect(late).toMatchObject({ status: 504, body: { code: 'pbx_timeout' } });
  const learnt = await waitFor(
    async () => {
      const answer = await post('/relay/calls', order, { key: 'order-106' });
      return answer.status === 202 && answer;
    },
    { what: 'the answer', timeoutMs: 10_000 },
  );
  expect(learnt.body.commandId).toBe(late.body.commandId);
  expect(await callsMade()).toBe(before + 1);
  expect(await audits(late.body.commandId)).toHaveLength(1);
});

test('too many commands at a time are told to come back', async () => {
  await fault({ kind: 'slow', ms: 1_000, count: 3, path: '/callcontrol/107/makecall' });
  const order = { dn: '107', destination: '107' };
  const answers = await Promise.all([1, 2, 3, 4].map(() => post('/relay/calls', order)));
  expect(answers.map(({ status }) => status).sort()).toEqual([409, 409, 409, 429]);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused).toMatchObject({ retryAfter: '1', body: { code: 'too_many_commands' } });
});

test.each([
  ['/relay/calls', { destination: '102' }, 'dn'],
  ['/relay/calls', { dn: '101' }, 'destination'],
  ['/relay/calls', { dn: '../101', destination: '102' }, 'dn'],
  ['/relay/calls', { dn: '101', destination: '102', timeout: 0 }, 'timeout'],
  ['/relay/calls', { dn: '101', destination: '102', colour: 'red' }, 'colour'],
  ['/relay/calls', '{"dn":', undefined],
  ['/relay/calls/8107/divert', {}, 'destination'],
  ['/relay/calls/..%2F8107/drop', {}, 'participant'],
] as const)('POST %s with %j is refused and the field is named', async (path, body, field) => {
  const answer = await post(path, body);
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(answer.body.field).toBe(field);
});

test('a body that is too long is refused', async () => {
  const answer = await post('/relay/calls', { dn: '101', destination: '1'.repeat(70_000) });
  expect(answer).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
});

test('a participant that nobody has is gone, and a key without the permission may nothing', async () => {
  expect(await post('/relay/calls/999999/drop', {})).toMatchObject({ status: 404, body: { code: 'pbx_gone' } });
  expect(await post('/relay/calls/101:999999/drop', {})).toMatchObject({ status: 404, body: { code: 'pbx_gone' } });
  const forbidden = await post('/relay/calls', { dn: '101', destination: '102' }, { apiKey: relay.powerlessKey });
  expect(forbidden).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(forbidden.body.detail).toContain('"write"');
});

test('each attempt is on record, also one that never became a command', async () => {
  const before = (await stand.entries('audit')).length;
  await post('/relay/calls/999998/drop', {}, { key: 'drop-999998' });
  await post('/relay/calls', { dn: '101', destination: '102' }, { apiKey: relay.powerlessKey });
  await post('/relay/calls/101:7/answer', {}, { apiKey: relay.powerlessKey });
  await post('/relay/calls', { dn: '111', destination: '1' }, { key: 'order-111' });
  await post('/relay/calls', { dn: '111', destination: '2' }, { key: 'order-111' });
  await post('/relay/calls', { dn: '111' });
  const lines = await waitFor(
    async () => {
      const all = (await stand.entries('audit')).slice(before).map(({ body }) => JSON.parse(body).data);
      return (
        all.length >= 5 && all.map(({ action, target, outcome, details }) => [action, target, outcome, details.code])
      );
    },
    { what: 'the attempts on record' },
  );
  const byText = (one: unknown, other: unknown) => (String(one) < String(other) ? -1 : 1);
  expect(lines.sort(byText)).toEqual(
    [
      ['call.drop', '999998', 'not_executed', 'pbx_gone'],
      ['call.make', null, 'not_executed', 'forbidden'],
      ['call.answer', '101:7', 'not_executed', 'forbidden'],
      ['call.make', '111', 'done', undefined],
      ['call.make', '111', 'not_executed', 'idempotency_conflict'],
    ].sort(byText),
  );
});

test('the PBX itself is asked for its calls with source=xapi, and its refusal is told', async () => {
  const { body: made } = await stand.sim.post('/sim/calls', { scenario: 'inbound', dn: '110', talkMs: 600_000 });
  const ask = async () => {
    const response = await fetch(`${relay.url}/relay/active-calls?source=xapi`, {
      headers: { authorization: `Bearer ${relay.apiKey}` },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const { status, body } = await ask();
  expect(status).toBe(200);
  expect(body).toMatchObject({ source: 'xapi', position: expect.stringMatching(/_\d{16}$/), calls: expect.any(Array) });
  expect((body.calls as { id: number }[]).map(({ id }) => id)).toContain((made as { callid: number }).callid);
  await fault({ kind: 'http-error', status: 403, path: '/xapi', ms: 60_000 });
  expect(await ask()).toMatchObject({ status: 403, body: { code: 'pbx_forbidden' } });
});
