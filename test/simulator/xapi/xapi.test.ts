import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../simulator.ts';
import { createSimulatorClient, until } from '../simulator-client.ts';

const credentials = { clientId: 'relay', clientSecret: 'correct horse' };
let simulator: Simulator;
let client: ReturnType<typeof createSimulatorClient>;
let token: string;

beforeEach(async () => {
  simulator = await createSimulator({ ...credentials, extensions: 120, lateness: { maxMs: 0, updatedShare: 0 } });
  client = createSimulatorClient(simulator.url, credentials);
  token = await client.token();
});
afterEach(() => simulator.stop());

type Collection = { '@odata.count'?: number; '@odata.nextLink'?: string; value: Array<Record<string, unknown>> };
const xapi = (path: string, bearer = token) => client.get(`/xapi/v1/${path}`, bearer);
const rowsOf = async (path: string) => (await xapi(path)).body as Collection;
const callLog = (from: Date, to: Date, more = '') =>
  `ReportCallLogData/Pbx.GetCallLogData(periodFrom=${from.toISOString()},periodTo=${to.toISOString()},sourceType=0,sourceFilter='',destinationType=0,destinationFilter='',callsType=0,callTimeFilterType=0,callTimeFilterFrom='0:00:0',callTimeFilterTo='0:00:0',hidePcalls=true)${more}`;
const hourAround = (atMs: number): [Date, Date] => [new Date(atMs - 3_600_000), new Date(atMs + 3_600_000)];
const play = async (call: object) => (await client.post('/sim/calls', call)).body as { callid: number };
const allOver = async () => Object(await client.get('/sim/state')).body.active.length === 0;
const callsEnded = () => until('the calls are over', allOver);

test('a page has at most 100 rows, is short without $top, and never says that there is more', async () => {
  const first = await rowsOf('Users');
  expect(first.value).toHaveLength(50);
  expect(first['@odata.nextLink']).toBeUndefined();
  expect(first['@odata.count']).toBeUndefined();
  const rest = await rowsOf('Users?$top=100&$skip=100&$count=true&$select=Number,DisplayName&$orderby=Number desc');
  expect(rest['@odata.count']).toBe(120);
  expect(rest.value).toHaveLength(20);
  expect(rest.value.at(-1)).toEqual({ Number: '100', DisplayName: 'Amelia Hart' });
  expect(await xapi('Users?$top=101')).toEqual({
    status: 400,
    body: { error: { code: '', message: expect.stringContaining("limit of '100'"), target: '$top', details: [] } },
  });
});

test.each([
  ["Users?$filter=Number eq '101'", 1],
  ["Users?$filter=Number ge '110' and Number lt '120'", 10],
  ["Users?$filter=(Number gt '218') and (IsRegistered eq true)", 1],
  ["Users?$filter=DisplayName eq 'O''Neill and Sons'", 0],
  ['Queues?$filter=Id ne 501', 1],
])('%s finds %i', async (path, found) => {
  expect((await rowsOf(path)).value).toHaveLength(found);
});

test.each([
  ["Users?$filter=Nonsense eq '1'", 400, "property named 'Nonsense' on type 'Pbx.User'"],
  ["Users?$filter=startswith(Number,'1')", 400, 'Syntax error at position 0'],
  ['Users?$select=Number,Shoe', 400, "property named 'Shoe'"],
  ['Users?$orderby=Shoe', 400, "property named 'Shoe'"],
  ['Users?$skip=-1', 400, '$skip'],
  ['Users(7)', 404, 'not found'],
  ['Unicorns', 404, 'not found'],
  ['ReportCallLogData', 404, 'not found'],
  ['ReportCallLogData/Pbx.GetCallLogData(periodFrom=2026-01-01T00:00:00Z)', 404, 'periodTo is missing'],
  [callLog(new Date(0), new Date(1)).replace('1970-01-01', 'yesterday'), 400, 'Edm.DateTimeOffset'],
])('%s is refused with %i', async (path, status, message) => {
  const answer = await xapi(path);
  expect(answer).toMatchObject({ status, body: { error: { message: expect.stringContaining(message), details: [] } } });
});

test('a stale token, a client without the tick and a small role are told apart', async () => {
  const stale = token;
  token = await client.token();
  expect(await xapi('Defs', stale)).toEqual({ status: 401, body: '' });
  await client.post('/sim/clients', { id: 'relay', role: 'user' });
  expect((await xapi('Defs')).status).toBe(200);
  expect((await xapi('ActiveCalls')).status).toBe(200);
  for (const path of ['Users', callLog(new Date(0), new Date())]) {
    expect(await xapi(path)).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringContaining('role') } },
    });
  }
  await client.post('/sim/clients', { id: 'relay', hasXapi: false });
  expect(await xapi('Defs')).toMatchObject({
    status: 403,
    body: { error: { message: expect.stringContaining('not enabled') } },
  });
});

test('the cheapest question carries the version in a header', async () => {
  const response = await fetch(`${simulator.url}/xapi/v1/Defs?$select=Id`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.headers.get('x-3cx-version')).toBe('20.0.8.1109');
  expect(await response.json()).toEqual({ '@odata.context': `${simulator.url}/xapi/v1/$metadata#Defs(Id)`, Id: 0 });
  expect((await xapi('SystemStatus')).body).toMatchObject({
    Version: '20.0.8.1109',
    ExtensionsTotal: 120,
    LicenseActive: true,
  });
  expect((await rowsOf('Services')).value).toContainEqual(
    expect.objectContaining({ Name: 'nginx', Status: 'Running' }),
  );
});

test('a call is seen while it rings and while they talk, and can be dropped', async () => {
  const number = '+442079460123';
  const { callid } = await play({ scenario: 'inbound', dn: '101', number, ringMs: 60_000, talkMs: 60_000 });
  await until('it rings', async () => (await rowsOf('ActiveCalls')).value[0]?.Status === 'Ringing');
  expect((await rowsOf('ActiveCalls')).value).toEqual([
    {
      Id: callid,
      Caller: `10007 ${number}`,
      Callee: '101 Jonas Becker',
      Status: 'Ringing',
      LastChangeStatus: expect.stringMatching(/^\d{4}-.*Z$/),
      EstablishedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      ServerNow: expect.stringMatching(/^\d{4}-.*Z$/),
    },
  ]);
  const { body } = await client.get('/callcontrol/101/participants', token);
  const [{ id }] = body as [{ id: number }];
  await client.post(`/callcontrol/101/participants/${id}/answer`, {}, token);
  expect((await rowsOf('ActiveCalls')).value[0]?.Status).toBe('Connected');

  expect((await client.post(`/xapi/v1/ActiveCalls(${callid})/Pbx.DropCall`, {}, token)).status).toBe(204);
  await callsEnded();
  expect((await rowsOf('ActiveCalls')).value).toEqual([]);
  expect((await client.post(`/xapi/v1/ActiveCalls(${callid})/Pbx.DropCall`, {}, token)).status).toBe(404);
});

test('who waits in a queue talks with the queue', async () => {
  await play({ scenario: 'queue', queue: '800', ringMs: 60_000, talkMs: 1000 });
  await until('it waits', async () => (await rowsOf('ActiveCalls')).value[0]?.Status === 'Talking');
  expect((await rowsOf('ActiveCalls')).value[0]?.Callee).toBe('800 - Support');
});

test('the call log has the segments of a call that is over, the newest call first', async () => {
  await play({ scenario: 'missed', dn: '102', number: '+442079460111', ringMs: 20 });
  await callsEnded();
  await play({ scenario: 'inbound', dn: '101', number: '+442079460123', ringMs: 20, talkMs: 40 });
  await callsEnded();
  const { value } = await rowsOf(callLog(...hourAround(Date.now())));
  const extensionRows = value.filter(row => row.CallType === 'Extension');
  expect(extensionRows).toMatchObject([
    { SourceDn: '10007', SourceCallerId: '+442079460123', DestinationDn: '101', Answered: true, Status: 'Answered' },
    {
      SourceCallerId: '+442079460111',
      DestinationDn: '102',
      Answered: false,
      Status: 'Unanswered',
      TalkingDuration: 'PT0S',
    },
  ]);
  expect(extensionRows[0]).toMatchObject({
    Direction: 'Inbound',
    TalkingDuration: expect.stringMatching(/^PT0\.\d+S$/),
  });
  expect(extensionRows[0]?.CallHistoryId).toMatch(/^00000000-01d[0-9a-f]-/);
  expect((await rowsOf(callLog(new Date(0), new Date(1000)))).value).toEqual([]);
  const { body } = await xapi('LastCdrAndChatMessageTimestamp');
  expect(Date.parse(String(Object(body).LastCdrStartedAt))).toBeGreaterThan(Date.now() - 60_000);
});

test('a queue row is answered and unanswered at once, and polls nobody took are hidden on request', async () => {
  const call = { scenario: 'queue', queue: '800', answered: false, rounds: 2, ringMs: 20, talkMs: 20 };
  await play(call);
  await callsEnded();
  const path = callLog(...hourAround(Date.now()));
  const hidden = (await rowsOf(path)).value;
  expect(hidden).toContainEqual(
    expect.objectContaining({ CallType: 'Queue', Direction: 'Inbound Queue', Answered: true, Status: 'Unanswered' }),
  );
  expect(hidden.filter(row => row.CallType === 'Extension')).toEqual([]);
  const shown = (await rowsOf(path.replace('hidePcalls=true', 'hidePcalls=false'))).value;
  expect(shown.filter(row => row.CallType === 'Extension').length).toBeGreaterThan(0);
});

test('the history view has only old rows and no order, until it is switched', async () => {
  await play({ scenario: 'inbound', dn: '101', ringMs: 20, talkMs: 20 });
  await callsEnded();
  const newest = async () => (await rowsOf('CallHistoryView?$top=1&$orderby=SegmentStartTime desc')).value[0] ?? {};
  expect(Date.parse(String((await newest()).SegmentStartTime))).toBeLessThan(Date.now() - 80 * 86_400_000);
  expect((await newest()).SegmentId).toBe(1);
  await client.post('/sim/xapi', { callHistory: 'live' });
  expect(Date.parse(String((await newest()).SegmentStartTime))).toBeGreaterThan(Date.now() - 60_000);
  await client.post('/sim/xapi', { callHistory: 'broken' });
  expect(await xapi('CallHistoryView')).toEqual({ status: 500, body: '' });
});

test('a row shows as late in XAPI as it was told to, while the ground truth has it at once', async () => {
  await client.post('/sim/cdr', { minMs: 86_400_000 });
  await play({ scenario: 'inbound', dn: '101', ringMs: 20, talkMs: 20 });
  await callsEnded();
  expect((await rowsOf(callLog(...hourAround(Date.now())))).value).toEqual([]);
  const { body } = await client.get('/sim/cdr?after=0');
  expect(Object(body).segments.length).toBeGreaterThan(0);
  expect(Object(body).segments[0]).toMatchObject({
    n: 1,
    segment: { source: { trunkDid: expect.stringMatching(/^\+49/) } },
  });
});

test('faults by path reach XAPI and leave call control alone', async () => {
  await client.post('/sim/faults', { kind: 'http-error', status: 503, path: '/xapi', count: 1 });
  expect((await client.get('/callcontrol', token)).status).toBe(200);
  expect((await xapi('Defs')).status).toBe(503);
  await client.post('/sim/faults', { kind: 'slow', ms: 120, path: '/xapi', count: 1 });
  const startedAt = performance.now();
  expect((await xapi('Defs')).status).toBe(200);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(115);
});
