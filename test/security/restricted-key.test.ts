import { ROUTES } from '@3cx-relay/relay/documents/routes.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createHistoryStand, endedCall, endOf, type HistoryStand } from '../integration/fixtures/history-stand.ts';

/**
 * A key that is restricted to extension 101 asks for the calls of 102 by every path, parameter and transport that there
 * is; their marks must stand in nothing that it gets. That it does get its own is held by test/integration/
 * {key-restrictions,history,call-timeline,records-stream}.test.ts.
 */
let stand: HistoryStand;
let restricted: string;
const NOW = Date.now();
/** Persisted and gone on; in the log alone. */
const past = foreignCall(1, NOW - 3_600_000);
const present = foreignCall(2, NOW - 60_000);
const own = {
  ...endedCall(3, NOW - 60_000),
  callee: { number: '101', name: 'Ours', dn: '101' },
  via: null,
  answeredBy: '101',
};
const MARK = /Foreign|4917700000/;

/** A call between somebody outside and 102, with marks in every text. */
function foreignCall(n: number, at: number) {
  return {
    ...endedCall(n, at),
    caller: { number: `+49177000000${n}`, name: `Foreign ${n}`, dn: null },
    callee: { number: '102', name: 'Foreign desk', dn: '102' },
    ...{ via: null, answeredBy: '102' },
  };
}

/** Also as one that is going on. */
async function tell(call: ReturnType<typeof endedCall>): Promise<void> {
  const going = {
    ...call,
    state: 'connected',
    legs: [{ dn: call.callee.dn, participantId: 8102, party: call.caller.number }],
  };
  const state = [
    { of: 'calls' as const, field: call.callId, value: JSON.stringify(going) },
    {
      of: 'participants' as const,
      field: `${call.callee.dn}/8102`,
      value: '{"id":8102,"party_caller_name":"Foreign"}',
    },
  ];
  await stand.filler.append([{ ...endOf(call), state }]);
}

beforeAll(async () => {
  stand = await createHistoryStand({
    RELAY_STREAM_LONG_POLL_MS: '300',
    RELAY_STREAM_SSE_MS: '1000',
    RELAY_RECORDS_TIMEOUT_MS: '500',
    RELAY_COMMAND_TIMEOUT_MS: '500',
  });
  restricted = (await stand.relay.createKey({ dns: ['101'] })).apiKey;
  await tell(past);
  await tell(own);
  await stand.filler.append(
    [{ type: 'error_event', at: NOW, body: '{"at":"2026-03-02T09:00:00Z","data":{"message":"Foreign"}}' }],
    'errors',
  );
  stand.audit.write({
    action: 'call.make',
    actor: { kind: 'key', id: '1', name: 'Foreign' },
    target: '102',
    outcome: 'ok',
    details: {},
  } as never);
  await stand.persist();
  await tell(present);
});

afterAll(() => stand?.stop());

const ids = [past.callId, present.callId];
/** What could be tried, by name of the parameter. */
const TRIED: Record<string, readonly string[]> = {
  channel: ['calls', 'errors', 'audit', 'requests'],
  call: [ids.join(','), `${own.callId},${ids.join(',')}`],
  callId: ids,
  dn: ['102', '101,102', '', '10%32', '*'],
  scope: ['102'],
  number: ['+491770000001', '177'],
  participant: ['8102', '102:8102'],
  q: ['Foreign'],
  format: ['json', 'ndjson', 'csv'],
  offset: ['-1', 'now'],
  after: ['start'],
  order: ['asc', 'desc'],
  live: ['long-poll', 'sse'],
  of: ['all', 'dn', 'queue'],
  id: ['102', '101,102'],
  snapshot: ['1'],
  source: ['log', 'xapi'],
};

/** Every request that follows from the description of a route: alone, and with each thing that could be tried. */
function requestsOf({ path, params, query }: (typeof ROUTES)[number]): string[] {
  const names = Object.keys(params?.shape ?? {});
  const paths = names.reduce<string[]>(
    (made, name) =>
      made.flatMap(each => (TRIED[name] ?? ['x']).map(value => each.replace(`{${name}}`, encodeURIComponent(value)))),
    [path],
  );
  // Names that no route describes must not get anything either.
  const known = new Set([...Object.keys(query?.shape ?? {}), 'dn', 'dns', 'scope', 'call']);
  const single = [...known].flatMap(name => (TRIED[name] ?? []).map(value => `${name}=${encodeURIComponent(value)}`));
  const has = (name: string) => known.has(name);
  const pairs = ['csv', 'ndjson'].flatMap(format =>
    has('format') ? ids.map(id => `format=${format}&${has('call') ? 'call' : 'dn'}=${id}`) : [],
  );
  const replayed = has('offset')
    ? ['offset=-1&dn=102', 'offset=-1&live=long-poll&dn=102', `offset=-1&live=sse&call=${ids[1]}`]
    : [];
  return paths.flatMap(each => ['', ...single, ...pairs, ...replayed].map(search => `${each}?${search}`));
}

async function textOf(path: string, apiKey: string): Promise<string> {
  const stop = new AbortController();
  const response = await fetch(`${stand.relay.url}${path}`, { headers: { 'x-api-key': apiKey }, signal: stop.signal });
  expect([path, response.status < 500 || response.status > 501]).toEqual([path, true]);
  const isEndless = path.startsWith('/relay/events/stream') && response.ok;
  if (!isEndless) return response.text();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('"caught_up"')) break;
    }
  } finally {
    stop.abort();
  }
  return text;
}

const reading = ROUTES.filter(({ method, permission }) => method === 'get' && permission !== null);

describe.each(reading.map(route => [route.path, route] as const))('GET %s', (_, route) => {
  test('gives nothing of a call that is not its own', async () => {
    const requests = requestsOf(route).map(path =>
      path.startsWith('/relay/events/stream') ? `${path}${path.includes('after=') ? '' : '&after=start'}` : path,
    );
    for (let done = 0; done < requests.length; done += 8) {
      const some = requests.slice(done, done + 8);
      const texts = await Promise.all(some.map(path => textOf(path, restricted)));
      for (const [index, text] of texts.entries())
        expect([some[index], MARK.exec(text)?.[0]]).toEqual([some[index], undefined]);
    }
  });
});

test('all of them give marks to a key without restrictions, so that there was something to find', async () => {
  const found = async (path: string) => MARK.test(await textOf(path, stand.relay.apiKey));
  const paths = [
    ...[
      '/relay/events?after=start',
      '/relay/events/stream?after=start',
      '/relay/streams/calls?offset=-1',
      '/relay/active-calls',
    ],
    ...[
      `/relay/calls/${past.callId}`,
      '/relay/history/calls',
      '/relay/history/calls?format=csv',
      '/relay/history/events?channel=calls',
    ],
    ...['/relay/events?channel=errors&after=start', '/relay/history/events?channel=errors'],
  ];
  for (const path of paths) expect([path, await found(path)]).toEqual([path, true]);
});

test('a WebSocket gives nothing of it, whatever is subscribed to', async () => {
  const socket = new WebSocket(`${stand.relay.url.replace('http', 'ws')}/relay/ws`, {
    headers: { 'x-api-key': restricted },
  });
  let text = '';
  socket.on('message', data => {
    text += String(data);
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const asked = [
    { calls: { after: 'start' } },
    { calls: { snapshot: true } },
    { calls: { after: 'start', call: ids } },
    { calls: { after: 'start', dn: ['102'] } },
    { calls: { dn: ['101', '102'], snapshot: true } },
    { errors: { after: 'start' } },
    { audit: { after: 'start' } },
    { requests: { after: 'start' } },
    { calls: { after: 'start' } },
  ];
  for (const channels of asked) socket.send(JSON.stringify({ type: 'subscribe', channels }));
  await tell(foreignCall(4, NOW));
  socket.send('{"type":"ping"}');
  await expect.poll(() => text.includes('"pong"') && text.includes(own.callId), { timeout: 10_000 }).toBe(true);
  await tell({ ...own, callId: `${own.callId}9` });
  await expect.poll(() => text.includes(`${own.callId}9`), { timeout: 10_000 }).toBe(true);
  socket.terminate();
  expect(MARK.exec(text)?.[0]).toBeUndefined();
});
