import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../harness/wait-for.ts';
import { createHistoryStand, endedCall, endOf, type HistoryStand } from './fixtures/history-stand.ts';

/** What an auditor does: looks for calls and events of weeks ago, pages, exports, and finds his own exports audited. */
const CALLS = 2_600;
const DAY_MS = 86_400_000;
const FIRST_AT = Date.now() - 20 * DAY_MS;
const STEP_MS = 600_000;
const calls = Array.from({ length: CALLS }, (_, i) => endedCall(i + 1, FIRST_AT + i * STEP_MS));

let stand: HistoryStand;

beforeAll(async () => {
  stand = await createHistoryStand({ RELAY_MAX_EXPORTS: '2', RELAY_MAX_STATISTICS_ROWS: '200' });
  for (let from = 0; from < CALLS; from += 500) await stand.filler.append(calls.slice(from, from + 500).map(endOf));
  await stand.persist();
});

afterAll(() => stand?.stop());

interface Page {
  calls: { cursor: string; callId: string; [field: string]: unknown }[];
  events: { id: string; [field: string]: unknown }[];
  next: string | null;
  more: boolean;
}

async function page(path: string, apiKey?: string): Promise<Page> {
  const response = await stand.get(path, apiKey);
  expect([response.status, path]).toEqual([200, path]);
  return (await response.json()) as Page;
}

const ids = (found: readonly { callId: string }[]) => found.map(({ callId }) => callId);

test('the newest calls come first, page by page, and the same pages lead back', async () => {
  const first = await page('/relay/history/calls?limit=40');
  expect(ids(first.calls)).toEqual(ids(calls.slice(-40).reverse()));
  const second = await page(`/relay/history/calls?limit=40&before=${first.next}`);
  expect(ids(second.calls)).toEqual(ids(calls.slice(-80, -40).reverse()));
  const back = await page(`/relay/history/calls?limit=40&order=asc&after=${second.calls[0]?.cursor}`);
  expect(ids(back.calls)).toEqual(ids(calls.slice(-40)));
  expect([back.next, back.more]).toEqual([null, false]);
});

test('a call is told as it ended', async () => {
  const [told] = (await page(`/relay/history/calls?call=${calls[9]?.callId}`)).calls;
  const { callId, conversationId, startedAt, endedAt, caller, callee, answeredBy } = calls[9] ?? endedCall(0, 0);
  expect(told).toMatchObject({ callId, conversationId, startedAt, endedAt, caller, callee, answeredBy });
  expect(told).toMatchObject({ state: 'ended', disposition: 'answered', ringMs: 5_000, talkMs: 60_000 });
  expect(told).toMatchObject({ via: { dn: '800', type: 'queue' }, dns: expect.arrayContaining(['100', '800']) });
});

test.each<[string, (call: (typeof calls)[number], n: number) => boolean]>([
  ['dn=103', call => call.callee.dn === '103'],
  ['number=0049301000017', (_, n) => n === 17],
  ['number=%2B49+30+1000017', (_, n) => n === 17],
  ['queue=800&disposition=missed', (_, n) => n % 5 === 0 && n % 3 === 0],
  ['dn=104&direction=inbound&disposition=answered', (_, n) => n % 10 === 4 && n % 3 !== 0],
  ['disposition=unknown', () => false],
  [`from=${FIRST_AT + 10 * STEP_MS}&to=${FIRST_AT + 12 * STEP_MS}`, (_, n) => n >= 11 && n <= 13],
])('calls by %s', async (filter, matches) => {
  const expected = calls.filter((call, i) => matches(call, i + 1));
  const found: string[] = [];
  for (let after = ''; ; ) {
    const { calls: some, next } = await page(`/relay/history/calls?order=asc&limit=70&${filter}${after}`);
    found.push(...ids(some));
    if (next === null) break;
    after = `&after=${next}`;
  }
  expect(found).toEqual(ids(expected));
});

test.each<[string, (n: number) => boolean]>([
  ['dn=103', n => n % 10 === 3],
  ['dn=800,104&event=call.ended', n => n % 5 === 0 || n % 10 === 4],
  ['number=0049301000017', n => n === 17],
  [`call=${calls[4]?.callId}`, n => n === 5],
  ['event=call.started', () => false],
])('events by %s, as they were sent to clients', async (filter, matches) => {
  const found: unknown[] = [];
  for (let before = ''; ; ) {
    const { events, next } = await page(`/relay/history/events?limit=300&${filter}${before}`);
    found.push(...events.map(({ call }) => (call as { pbxCallId: number }).pbxCallId));
    if (next === null) break;
    before = `&before=${next}`;
  }
  const numbers = calls.map(call => call.pbxCallId).filter(matches);
  expect(found).toEqual(numbers.reverse());
});

test('an event of history is the message that a live client got, position and all', async () => {
  const [stored] = (await page('/relay/history/events?order=asc&limit=1')).events;
  const [live] = (await page('/relay/events?limit=1')).events;
  expect(stored).toEqual(live);
});

test('NDJSON holds everything, says that it is whole, and goes on behind any of its lines', async () => {
  const lines = (await (await stand.get('/relay/history/calls?format=ndjson')).text()).trimEnd().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ complete: true, rows: CALLS });
  expect(lines).toHaveLength(CALLS + 1);
  const { cursor } = JSON.parse(lines[1_233] ?? '') as { cursor: string };
  const rest = (await (await stand.get(`/relay/history/calls?format=ndjson&after=${cursor}`)).text()).trimEnd();
  expect(rest.split('\n').slice(0, -1)).toEqual(lines.slice(1_234, -1));
});

test('NDJSON is what is asked for by each of its names', async () => {
  for (const accept of ['application/x-ndjson', 'application/ndjson', 'application/jsonl']) {
    const headers = { accept, authorization: `Bearer ${stand.relay.apiKey}` };
    const answer = await fetch(`${stand.relay.url}/relay/history/calls?limit=2`, { headers });
    expect([accept, answer.headers.get('content-type')]).toEqual([accept, 'application/x-ndjson; charset=utf-8']);
    expect((await answer.text()).trimEnd().split('\n')).toHaveLength(3);
  }
});

test('CSV holds the same rows, and what a spreadsheet would compute is text', async () => {
  const response = await stand.get('/relay/history/calls?format=csv&dn=107');
  expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="calls_\d{8}T\d{6}Z\.csv"$/);
  const lines = (await response.text()).trimEnd().split('\r\n');
  expect(lines[0]).toMatch(/^cursor,callId,conversationId,direction,.*,position$/);
  expect(lines).toHaveLength(1 + CALLS / 10);
  expect(lines[1]).toContain(`"'=HYPERLINK(""http://x"")"`);
  expect(lines[1]).toContain(`"'+49 30 1000007"`);
});

test('Parquet comes in parts, each of which says where the next one begins', async () => {
  const read: unknown[] = [];
  for (let after = ''; ; ) {
    const response = await stand.get(`/relay/history/calls?format=parquet&limit=1000${after}`);
    const file = await response.arrayBuffer();
    const rows = await parquetReadObjects({ file });
    read.push(...rows.map(({ callId }) => callId));
    const notes = new Map(parquetMetadata(file).key_value_metadata?.map(({ key, value }) => [key, value]));
    expect([notes.get('rows'), notes.get('complete')]).toEqual([String(rows.length), String(!notes.has('next'))]);
    if (!notes.has('next')) break;
    after = `&after=${notes.get('next')}`;
  }
  expect(read).toEqual(ids(calls));
  const events = await (await stand.get('/relay/history/events?format=parquet&dn=103')).arrayBuffer();
  const [event] = await parquetReadObjects({ file: events });
  expect(event).toMatchObject({ type: 'call_event', event: 'call.ended', callId: calls[2]?.callId });
  expect(JSON.parse(String(event?.body))).toMatchObject({ call: { callId: calls[2]?.callId } });
});

test('an export is audited when it begins and when it ends, and who asks for the audit finds it in the chain', async () => {
  await (await stand.get('/relay/history/calls?format=csv&number=0049301000017')).text();
  const found = await waitFor(
    async () => {
      await stand.persist();
      const { entries } = (await (await stand.get('/relay/history/audit?action=history.export&limit=2')).json()) as {
        entries: { [field: string]: unknown }[];
      };
      return entries[0]?.outcome === 'done' && entries;
    },
    { what: 'the export in the audit' },
  );
  const query = { format: 'csv', number: ['0049301000017'] };
  const whole = { query: expect.objectContaining({ number: query.number }), format: 'csv', rows: 1 };
  expect(found).toMatchObject([
    { action: 'history.export', target: 'history:calls', outcome: 'done', details: whole },
    { action: 'history.export', outcome: 'begun', actor: { kind: 'api_key', name: 'test' }, address: '127.0.0.1' },
  ]);
  expect(found[0]?.previousHash).toBe(found[1]?.hash);
});

test('an export that its client leaves is audited as cut off, and gives its place up', async () => {
  const leaving = new AbortController();
  const response = await fetch(`${stand.relay.url}/relay/history/events?format=ndjson`, {
    headers: { authorization: `Bearer ${stand.relay.apiKey}` },
    signal: leaving.signal,
  });
  await response.body?.getReader().read();
  leaving.abort();
  await waitFor(
    async () => {
      await stand.persist();
      const audit = await stand.get('/relay/history/audit?outcome=cut_off,done&limit=1');
      const { entries } = (await audit.json()) as { entries: { outcome: string; target: string }[] };
      return entries[0]?.target === 'history:events';
    },
    { what: 'the end of the export in the audit' },
  );
});

test('periods have the sums of their calls, in the days of the asker', async () => {
  const by = (query: string) => stand.get(`/relay/history/statistics?${query}`).then(answer => answer.json());
  const from = new Date(FIRST_AT - DAY_MS).toISOString();
  const { periods } = (await by(`from=${from}&by=day&timeZone=Europe/Berlin`)) as {
    periods: { calls: number; answered: number; at: string }[];
  };
  expect(periods.reduce((sum, period) => sum + period.calls, 0)).toBe(CALLS);
  expect(periods.reduce((sum, { answered }) => sum + answered, 0)).toBe(calls.filter(call => call.answeredAt).length);
  expect(periods.every(({ at }) => /T2[23]:00:00.000Z$/.test(at))).toBe(true);
  const { periods: queue } = (await by(`from=${from}&by=month&queue=800`)) as {
    periods: { id: string; calls: number; meanTalkMs: number }[];
  };
  expect(queue.reduce((sum, period) => sum + period.calls, 0)).toBe(CALLS / 5);
  expect(queue[0]).toMatchObject({ id: '800', meanTalkMs: 60_000 });
});

test('a key that is restricted to extensions finds their calls, events and sums, and nothing else', async () => {
  const { apiKey } = await stand.relay.createKey({ dns: ['103'] });
  const { calls: found } = await page('/relay/history/calls?limit=1000', apiKey);
  expect(ids(found).sort()).toEqual(ids(calls.filter(call => call.callee.dn === '103')).sort());
  expect((await page('/relay/history/calls?dn=104', apiKey)).calls).toEqual([]);
  expect((await page('/relay/history/events?limit=1000', apiKey)).events).toHaveLength(CALLS / 10);
  const status = async (path: string) => (await stand.get(path, apiKey)).status;
  expect(await status('/relay/history/statistics?dn=103')).toBe(200);
  expect(await status('/relay/history/statistics?dn=103,104')).toBe(403);
  expect(await status('/relay/history/statistics')).toBe(403);
  expect(await status('/relay/history/audit')).toBe(403);
  expect(await status('/relay/history/events?channel=requests')).toBe(403);
});

test('a permission that is missing is named', async () => {
  const { apiKey } = await stand.relay.createKey({ permissions: ['read'] });
  const detail = async (path: string) => ((await (await stand.get(path, apiKey)).json()) as { detail: string }).detail;
  expect(await detail('/relay/history/calls')).toContain('"history"');
  expect(await detail('/relay/history/events')).toContain('"history"');
  expect(await detail('/relay/history/events?channel=audit')).toContain('"monitor"');
  expect(await detail('/relay/history/audit')).toContain('"monitor"');
});

test.each([
  ['/relay/history/calls?disposition=lost', 'disposition'],
  ['/relay/history/calls?after=nonsense', 'after'],
  ['/relay/history/calls?limit=5000', 'limit'],
  ['/relay/history/calls?from=2026-03-02T09:00:00Z&to=2026-03-01T09:00:00Z', 'from'],
  ['/relay/history/events?before=12', 'before'],
  ['/relay/history/events?channel=secrets', 'channel'],
  ['/relay/history/events?channel=requests&key=CRM', 'key'],
  ['/relay/history/audit?after=x', 'after'],
  ['/relay/history/statistics?timeZone=Mars/Olympus', 'timeZone'],
  // Known to Node, not to PostgreSQL, as names of long ago are where its system has no links for them.
  ['/relay/history/statistics?timeZone=AGT', 'timeZone'],
  ['/relay/history/calls?after=zzzzzzzzzzz.x', 'after'],
  ['/relay/history/calls?before=zzzzzzzzzz.x', 'before'],
  ['/relay/history/calls?after=mmmmmmmm.x%00', 'after'],
  ['/relay/history/calls?dn=%00', 'dn.0'],
  ['/relay/history/events?component=%00', 'component.0'],
  ['/relay/history/audit?actor=%00', 'actor.0'],
  ['/relay/calls/%00', 'callId'],
  ['/relay/history/statistics?by=hour&from=2020-01-01T00:00:00Z', 'to'],
])('%s is refused with the field and what would be right', async (path, field) => {
  const response = await stand.get(path);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ code: 'invalid_request', field });
});

test('sums that would be too many are not told in part, and what to ask less of is named', async () => {
  const span = `from=${new Date(FIRST_AT).toISOString()}&to=${new Date(FIRST_AT + 20 * DAY_MS).toISOString()}`;
  // Ten extensions, on nineteen days.
  const ask = async (query: string) => {
    const response = await stand.get(`/relay/history/statistics?${span}&${query}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const refused = await ask('of=dn&by=hour');
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request', field: 'to' } });
  for (const said of ['200', 'RELAY_MAX_STATISTICS_ROWS', '"from"', '"by"', '"dn"']) {
    expect(refused.body.detail).toContain(said);
  }
  expect((await ask('dn=100,101&by=hour')).status).toBe(400);
  const daily = await ask('dn=100,101&by=day');
  expect(daily.status).toBe(200);
  expect((daily.body.periods as unknown[]).length).toBeLessThanOrEqual(200);
  // As the panel asks for its table.
  expect((await ask('of=dn&by=month')).status).toBe(200);
});

test('a time in a year that cannot be written down is a time that all calls are behind, or before', async () => {
  expect(
    (await page('/relay/history/calls?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59-14:00')).calls,
  ).toHaveLength(100);
  expect((await page('/relay/history/calls?to=0000-01-01T00:00:00Z')).calls).toEqual([]);
  expect((await page('/relay/history/calls?from=9999-12-31T23:59:59-14:00')).calls).toEqual([]);
});
