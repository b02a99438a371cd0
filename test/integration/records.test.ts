import { agentStatesPage, callRecordsPage, recordsEnd } from '@3cx-relay/shared/wire/records.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRecordsStand, type RecordsStand } from './fixtures/records-stand.ts';

/** The routes of records over each source that a PBX may have. */
const day = () => {
  const to = Date.now() + 1_000;
  return `from=${to - 3_600_000}&to=${to}`;
};

async function pageOf(stand: RecordsStand, path: string) {
  const response = await stand.get(path);
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return callRecordsPage.parse(await response.json());
}

async function linesOf(stand: RecordsStand, path: string): Promise<unknown[]> {
  const text = await (await stand.get(path)).text();
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown);
}

/** Files, settings, addresses: for whoever runs the relay, and not for who has a key. */
const INSIDE = /\.ini|PBX_|\/var\/|127\.0\.0\.1/;

async function problemOf(stand: RecordsStand, path: string) {
  const response = await stand.get(path);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return (await response.json()) as { status: number; code: string; detail: string };
}

describe.each(['v20', 'spec'] as const)('a PBX with a database of the layout %s', layout => {
  let stand: RecordsStand;

  beforeAll(async () => {
    stand = await createRecordsStand(layout);
    await stand.play({ scenario: 'inbound', dn: '101', number: '+49301111', ringMs: 20, talkMs: 20 });
    await stand.play({ scenario: 'outbound', dn: '102', number: '+49302222', ringMs: 20, talkMs: 20 });
  });
  afterAll(() => stand?.stop());

  test('tells its call records in one shape', async () => {
    const page = await pageOf(stand, `/relay/cdr?${day()}`);
    expect(page).toMatchObject({ source: 'database', next: null, more: false });
    expect(page.records.length).toBeGreaterThan(1);
    const inbound = page.records.find(({ caller }) => caller.number === '+49301111');
    expect(inbound).toMatchObject({ source: 'database', caller: { type: 'external_line' } });
    expect(page.records.map(({ startedAt }) => startedAt)).toEqual(
      page.records.map(({ startedAt }) => startedAt).toSorted(),
    );
  });

  test('is filtered by extension and by number, also one whose + was not encoded', async () => {
    const byDn = await pageOf(stand, `/relay/cdr?${day()}&dn=102,103`);
    expect(byDn.records.length).toBeGreaterThan(0);
    for (const { caller, callee } of byDn.records) expect([caller.dn, callee.dn]).toContain('102');
    for (const number of ['%2B49301111', '+49301111']) {
      const byNumber = await pageOf(stand, `/relay/cdr?${day()}&number=${number}`);
      expect(byNumber.records.length).toBeGreaterThan(0);
      for (const { caller } of byNumber.records) expect(caller.number).toBe('+49301111');
    }
    expect((await pageOf(stand, `/relay/cdr?${day()}&number=%2B49309999`)).records).toEqual([]);
  });

  test('tells the same as pages, as NDJSON and as CSV', async () => {
    const { records } = await pageOf(stand, `/relay/cdr?${day()}`);
    const paged = [];
    const span = day();
    for (let cursor = ''; ; ) {
      const page = await pageOf(stand, `/relay/cdr?${span}&limit=1${cursor}`);
      expect(page.records.length).toBeLessThanOrEqual(1);
      paged.push(...page.records);
      if (!page.more) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(paged).toEqual(records);
    const response = await stand.get(`/relay/cdr?${day()}`, { accept: 'application/x-ndjson' });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const lines = (await response.text())
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as unknown);
    expect(lines).toEqual([...records, { complete: true, source: 'database', records: records.length }]);
    recordsEnd.parse(lines.at(-1));
    const csv = await stand.get(`/relay/cdr?${day()}`, { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(csv.headers.get('content-disposition')).toMatch(
      /^attachment; filename="cdr_\d{8}T\d{6}Z_\d{8}T\d{6}Z\.csv"$/,
    );
    const [header, first, ...rest] = (await csv.text()).split('\r\n');
    expect(header).toMatch(/^source,callHistoryId,.*,callerNumber,callerDid,calleeType,.*,terminationReasonDetails$/);
    expect(first?.split(',')[3]).toBe(records[0]?.cdrId);
    expect(rest).toHaveLength(records.length);
  });

  test('shows its call history as CallHistoryView does, where that still works', async () => {
    await stand.sim.post('/sim/xapi', { callHistory: 'live' });
    const { source, records } = await pageOf(stand, `/relay/call-history?${day()}`);
    expect(source).toBe('xapi');
    expect(records.length).toBeGreaterThan(1);
    const answered = records.find(({ answeredAt }) => answeredAt !== null);
    expect(answered).toMatchObject({ callHistoryId: null, mainCallHistoryId: null, terminationReason: null });
    expect(records.map(({ caller }) => caller.number)).toContain('+49301111');
  });

  test('tells what its agents did, or that it does not know', async () => {
    const path = `/relay/agent-states?${day()}`;
    if (layout === 'v20') {
      const told = await problemOf(stand, path);
      expect(told).toMatchObject({ status: 404, code: 'not_on_this_pbx' });
      expect(told.detail).toContain('operator_state_history');
      return;
    }
    const page = agentStatesPage.parse(await (await stand.get(path)).json());
    expect(page.records.map(({ state }) => state)).toContain('talking');
    expect(page.records.some(({ dn }) => dn === '101')).toBe(true);
    const [header] = (await (await stand.get(`${path}&format=csv&dn=101`)).text()).split('\r\n');
    expect(header).toBe('source,at,dn,state,queueDn');
    expect(await linesOf(stand, `${path}&format=ndjson&dn=999`)).toEqual([
      { complete: true, source: 'database', records: 0 },
    ]);
  });
});

describe('a PBX without a database', () => {
  let stand: RecordsStand;

  beforeAll(async () => {
    stand = await createRecordsStand(null);
    for (const dn of ['101', '102', '103']) await stand.play({ scenario: 'inbound', dn, ringMs: 20, talkMs: 20 });
  });
  afterAll(() => stand?.stop());

  test.each(['cdr', 'call-history'])('tells its records through XAPI: %s', async route => {
    const page = await pageOf(stand, `/relay/${route}?${day()}`);
    expect(page.source).toBe('xapi');
    expect(page.records.length).toBeGreaterThan(2);
    for (const record of page.records) expect(record).toMatchObject({ source: 'xapi', creationMethod: null });
    const lines = await linesOf(stand, `/relay/${route}?${day()}&format=ndjson`);
    expect(lines).toEqual([...page.records, { complete: true, source: 'xapi', records: page.records.length }]);
    const span = day();
    const first = await pageOf(stand, `/relay/${route}?${span}&limit=2`);
    const second = await pageOf(stand, `/relay/${route}?${span}&limit=1000&cursor=${first.next}`);
    expect([...first.records, ...second.records]).toEqual(page.records);
  });

  test('has no agent states, and says so', async () => {
    const told = await problemOf(stand, `/relay/agent-states?${day()}`);
    expect(told).toMatchObject({ status: 404, code: 'not_on_this_pbx' });
    expect(told.detail).not.toMatch(INSIDE);
  });

  test('and whose API client may not read them refuses', async () => {
    await stand.sim.post('/sim/faults', { kind: 'http-error', status: 403, path: '/xapi', ms: 60_000 });
    const told = await problemOf(stand, `/relay/cdr?${day()}`);
    expect(told).toMatchObject({ status: 403, code: 'pbx_forbidden' });
    expect(told.detail).not.toMatch(INSIDE);
    await stand.sim.request('DELETE', '/sim/faults');
    expect((await pageOf(stand, `/relay/cdr?${day()}`)).records.length).toBeGreaterThan(2);
  });

  test.each([
    ['from=yesterday', 'from'],
    ['from=2026-03-02T09:00:00', 'from'],
    ['from=2026-03-02T09:00:00Z&to=2026-03-02T09:00:00Z', 'from'],
    ['from=2024-03-02T09:00:00Z&to=2026-03-02T09:00:00Z', 'to'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=5&format=csv', 'limit'],
    ['format=xml', 'format'],
    ['dn=', 'dn.0'],
    ['cursor=abc', 'from'],
    ['from=1772442000000&to=1772445600000&cursor=abc', 'cursor'],
    ['from=1772442000000&from=1772445600000', 'from'],
    ['colour=red', 'colour'],
  ])('refuses %s and names the parameter', async (query, field) => {
    const response = await stand.get(`/relay/cdr?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', field });
  });

  test('takes times with any zone, and the last day when it is told none', async () => {
    const page = await pageOf(stand, '/relay/cdr?from=2026-03-02T10:00:00+01:00&to=2026-03-02T09:00:01Z');
    expect(page).toMatchObject({ from: '2026-03-02T09:00:00.000Z', to: '2026-03-02T09:00:01.000Z', records: [] });
    const { from, to } = await pageOf(stand, '/relay/call-history');
    expect(Date.parse(to) - Date.parse(from)).toBe(86_400_000);
  });
});
