import { type IncomingMessage, request } from 'node:http';
import { callRecordsPage, recordsEnd } from '@3cx-relay/shared/wire/records.ts';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { collectGarbage } from '../harness/collect-garbage.ts';
import { waitFor } from '../harness/wait-for.ts';
import { createRecordsStand, type RecordsStand } from './fixtures/records-stand.ts';

/** Exports of many records: in flat memory, at the pace of the client, and never short without a word. */
const ROWS = 50_000;
const T0 = Date.UTC(2026, 1, 1);
const MONTH = `from=${T0}&to=${T0 + 28 * 86_400_000}`;
const STALL_MS = 1_500;
const MIB = 1024 * 1024;

let stand: RecordsStand;

beforeAll(async () => {
  stand = await createRecordsStand('v20', {
    RELAY_MAX_RECORD_READS: '2',
    RELAY_RECORDS_STALL_MS: String(STALL_MS),
  });
  await stand.execute(`INSERT INTO cdroutput (cdr_id, call_history_id, source_entity_type, source_dn_number,
      source_participant_name, source_participant_phone_number, destination_dn_number, cdr_started_at, cdr_ended_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 'external_line', '10000',
      CASE n WHEN 7 THEN '=HYPERLINK("http://x")' ELSE repeat('Müller ', 20) END, '+4930' || n, (100 + n % 30)::text,
      to_timestamp(${T0 / 1_000} + n), to_timestamp(${T0 / 1_000} + n + 9)
    FROM generate_series(1, ${ROWS}) AS n`);
  await stand.execute('ANALYZE cdroutput');
});

afterAll(() => stand?.stop());

/** What a fault has cut off is read again in a while; until then records come from elsewhere. */
afterEach(async () => {
  await stand.sim.request('DELETE', '/sim/faults');
  await waitFor(
    async () => {
      const page = (await (await stand.get(`/relay/cdr?${MONTH}&limit=1`)).json()) as {
        records?: { source: string }[];
      };
      return page.records?.[0]?.source === 'database';
    },
    { what: "the PBX's database to be read", timeoutMs: 25_000, everyMs: 50 },
  );
}, 30_000);

/** A client that reads when it is told to. */
function open(format: 'ndjson' | 'csv', apiKey = stand.relay.apiKey): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${apiKey}` };
    const asking = request(
      `${stand.relay.url}/relay/cdr?${MONTH}&format=${format}`,
      { headers, agent: false },
      resolve,
    );
    asking.on('error', reject);
    asking.end();
  });
}

/** How many pages were read once that number does not grow any more. */
async function pagesWhenQuiet(): Promise<number> {
  let last = -1;
  return waitFor(
    async () => {
      const now = await stand.jobs();
      const isQuiet = now - last <= 1;
      last = now;
      return isQuiet && now;
    },
    { what: 'no more pages to be read', everyMs: 300 },
  );
}

/** Every place can be taken again. */
const placesAreFree = () =>
  waitFor(
    async () => {
      const answers = await Promise.all([1, 2].map(() => stand.get(`/relay/cdr?${MONTH}&limit=1`)));
      return answers.every(({ status }) => status === 200);
    },
    { what: 'the places to be free', timeoutMs: 25_000, everyMs: 50 },
  );

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test(`${ROWS} records come once and in order, while relay, ingest and Redis stay flat`, async () => {
  let [bytes, rows, highest, buffers] = [0, 0, 0, 0];
  let tail = '';
  // What earlier files of this process have left to be collected is not of this stream.
  collectGarbage();
  const before = process.memoryUsage().external;
  for await (const chunk of (await open('ndjson')) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    buffers = Math.max(buffers, process.memoryUsage().external);
    const lines = (tail + chunk.toString('latin1')).split('\n');
    tail = lines.pop() ?? '';
    for (const line of lines) {
      const number = Number(/"number":"\+4930(\d+)"/.exec(line)?.[1] ?? Number.NaN);
      if (Number.isNaN(number)) expect(recordsEnd.parse(JSON.parse(line))).toMatchObject({ records: ROWS });
      else rows += Number(number === highest + 1);
      highest = Number.isNaN(number) ? highest : number;
    }
  }
  expect(rows).toBe(ROWS);
  expect(tail).toBe('');
  expect(bytes).toBeGreaterThan(20 * MIB);
  // Ingest has 96 MiB (records-stand.ts) and would have died of keeping them.
  expect(await stand.ingestMetric('nodejs_heap_size_used_bytes')).toBeGreaterThan(0);
  expect(buffers - before).toBeLessThan(64 * MIB);
  const left = await stand.redis.keys(`${stand.keys.jobs}:pbx:*`);
  const sizes = await Promise.all(left.map(key => stand.redis.memory('USAGE', key)));
  expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBeLessThan(2 * MIB);
});

test('what a caller calls himself is text in a spreadsheet', async () => {
  const csv = await (await stand.get(`/relay/cdr?from=${T0}&to=${T0 + 10_000}&format=csv`)).text();
  expect(csv).toContain(`,"'=HYPERLINK(""http://x"")","'+49307",`);
});

test('a client that does not read stops the reading, and one that leaves ends it', async () => {
  const before = await stand.jobs();
  const response = await open('csv');
  response.pause();
  const paused = await pagesWhenQuiet();
  expect(paused - before).toBeLessThan(ROWS / 1_000 / 2);
  response.destroy();
  await placesAreFree();
  expect((await pagesWhenQuiet()) - paused).toBeLessThan(10);
});

test('too many exports at a time are told to come back, and a client that takes nothing loses its place', async () => {
  const stalled = await Promise.all([open('csv'), open('csv')]);
  const cut = Promise.all(
    stalled.map(response => {
      response.pause();
      return new Promise(resolve => response.once('close', resolve).on('error', () => undefined));
    }),
  );
  const refused = await stand.get(`/relay/cdr?${MONTH}`);
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await refused.json()).toMatchObject({ code: 'too_many_record_reads' });
  await placesAreFree();
  for (const response of stalled) response.resume();
  await cut;
  expect(stalled.every(({ complete }) => !complete)).toBe(true);
});

test('an export is audited when it begins and when it ends', async () => {
  const minute = `from=${T0}&to=${T0 + 60_000}`;
  await (await stand.get(`/relay/cdr?${minute}&format=csv&dn=105`)).text();
  const path = '/relay/events?channel=audit&event=records.export&limit=2&order=desc';
  const found = await waitFor(
    async () => {
      const { events } = (await (await stand.get(path)).json()) as { events: { data: Record<string, unknown> }[] };
      return events[0]?.data.outcome === 'done' && events.map(({ data }) => data);
    },
    { what: 'the export in the audit' },
  );
  const query = { from: new Date(T0).toISOString(), to: new Date(T0 + 60_000).toISOString(), dns: ['105'] };
  expect(found).toMatchObject([
    { outcome: 'done', target: 'records:cdr', details: { format: 'csv', query, records: 2 } },
    { outcome: 'begun', actor: { kind: 'api_key' }, address: '127.0.0.1' },
  ]);
});

test('a PBX that goes away under way is told in the last line, with where to go on', async () => {
  const response = await open('ndjson');
  response.pause();
  await pagesWhenQuiet();
  await stand.sim.post('/sim/faults', { kind: 'database-down', ms: 60_000 });
  const lines = (await readAll(response)).trimEnd().split('\n');
  const end = recordsEnd.parse(JSON.parse(lines.at(-1) ?? ''));
  expect(end).toMatchObject({ error: { code: 'pbx_unavailable', status: 503 }, records: lines.length - 1 });
  await stand.sim.request('DELETE', '/sim/faults');
  const next = 'next' in end ? end.next : null;
  const rest = await waitFor(
    async () => {
      const page = await (await stand.get(`/relay/cdr?${MONTH}&limit=1&cursor=${next}`)).json();
      return callRecordsPage.safeParse(page).data;
    },
    { what: 'the database to answer again', everyMs: 200 },
  );
  expect(rest).toMatchObject({ source: 'database', records: [{ caller: { number: `+4930${lines.length}` } }] });
});

test('and breaks off a CSV, which has no place for it', async () => {
  const response = await open('csv');
  response.pause();
  await pagesWhenQuiet();
  await stand.sim.post('/sim/faults', { kind: 'database-down', ms: 60_000 });
  await expect(readAll(response)).rejects.toThrow(/aborted|ECONNRESET/);
  expect(response.complete).toBe(false);
  await stand.sim.request('DELETE', '/sim/faults');
  await placesAreFree();
});

test('a PBX that is away from the start is a problem document with Retry-After', async () => {
  await stand.sim.post('/sim/faults', { kind: 'database-down', ms: 60_000 });
  await stand.sim.post('/sim/faults', { kind: 'http-error', status: 503, path: '/xapi', ms: 60_000 });
  const response = await stand.get(`/relay/cdr?${MONTH}&format=csv`);
  expect(response.status).toBe(503);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(await response.json()).toMatchObject({ code: 'pbx_unavailable' });
});

test('a key without the permission is told which one it lacks', async () => {
  const { apiKey } = await stand.relay.createKey({ permissions: ['read', 'write', 'monitor'] });
  for (const route of ['cdr', 'call-history', 'agent-states']) {
    const response = await stand.get(`/relay/${route}`, { authorization: `Bearer ${apiKey}` });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('"history"') });
  }
});

test('a key of some extensions sees the records in which one of them takes part', async () => {
  const { apiKey } = await stand.relay.createKey({ dns: ['107', '108'] });
  const path = `/relay/cdr?from=${T0}&to=${T0 + 60_000}`;
  const own = await stand.get(path, { authorization: `Bearer ${apiKey}` });
  const { records } = callRecordsPage.parse(await own.json());
  expect(records.map(({ callee }) => callee.dn)).toEqual(['107', '108', '107', '108']);
  const lines = await stand.get(`${path}&format=ndjson`, { authorization: `Bearer ${apiKey}` });
  expect((await lines.text()).split('\n')[4]).toContain('"records":4');
});

test('pages of such a key are full of what it may see, and their cursors tell of no other record', async () => {
  const { apiKey } = await stand.relay.createKey({ dns: ['107', '108'] });
  const seen: (string | null)[] = [];
  for (let cursor = ''; ; ) {
    const path = `/relay/cdr?from=${T0}&to=${T0 + 90_000}&limit=1${cursor}`;
    const page = callRecordsPage.parse(await (await stand.get(path, { authorization: `Bearer ${apiKey}` })).json());
    seen.push(...page.records.map(({ callee }) => callee.dn));
    const [shown] = page.records;
    if (page.next === null) break;
    const { at, key } = JSON.parse(Buffer.from(page.next, 'base64url').toString()) as { at: number; key: string };
    expect([at, key]).toEqual([Date.parse(shown?.startedAt ?? '') * 1_000, shown?.cdrId]);
    cursor = `&cursor=${page.next}`;
  }
  expect(seen).toEqual(['107', '108', '107', '108', '107', '108']);
});

test('a filter of such a key narrows what it may see and widens nothing', async () => {
  const { apiKey } = await stand.relay.createKey({ dns: ['107', '108'] });
  const path = `/relay/cdr?from=${T0}&to=${T0 + 60_000}&dn=108,109`;
  const { records } = callRecordsPage.parse(
    await (await stand.get(path, { authorization: `Bearer ${apiKey}` })).json(),
  );
  expect(records.map(({ callee }) => callee.dn)).toEqual(['108', '108']);
});

test('an export ends with its key', async () => {
  const { id, apiKey } = await stand.relay.createKey();
  const cut = expect(readAll(await open('ndjson', apiKey))).rejects.toThrow(/aborted|ECONNRESET/);
  await stand.relay.keys.revokeKey(id, 'test');
  await cut;
});
