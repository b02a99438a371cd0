import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { createStreamReader, readStreamEvents, type StreamReader } from '../harness/stream-reader.ts';
import { waitFor } from '../harness/wait-for.ts';

type Control = { streamNextOffset: string; streamCursor: string; upToDate?: boolean };

const longPollMs = 400;
let relay: TestRelay;
let log: LogFiller;
let streams: StreamReader;

beforeAll(async () => {
  relay = await startTestRelay({
    RELAY_STREAM_LONG_POLL_MS: String(longPollMs),
    RELAY_STREAM_SSE_MS: '1000',
    RELAY_HEARTBEAT_MS: '200',
    RELAY_CLIENT_BYTES: '16384',
    RELAY_MAX_WAITING_REQUESTS: '2',
  });
  log = createLogFiller(relay);
  streams = createStreamReader(relay);
  await log.fill(250);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('catch-up', () => {
  it('reads from the start in bounded chunks, in order, to the tail', async () => {
    const chunks = await streams.readAll();
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.flatMap(({ messages }) => messages.map(numberIn))).toEqual(range(1, 250));
    for (const { messages } of chunks) expect(JSON.stringify(messages).length).toBeLessThan(18_000);
    expect(chunks.at(-1)?.next).toBe(await streams.tail());
  });

  it('gives the messages of GET /relay/events, and its offsets are their positions', async () => {
    const pages = await fetch(`${relay.url}/relay/events?limit=10`, {
      headers: { authorization: `Bearer ${relay.apiKey}` },
    });
    const { events, next } = (await pages.json()) as { events: WireMessage[]; next: string };
    const { messages } = await streams.read();
    expect(messages.slice(0, 10)).toEqual(events);
    expect((await streams.read({ offset: next })).messages[0]).toEqual(messages[10]);
    expect((await streams.read({ offset: String(messages[4]?.id) })).messages[0]).toEqual(messages[5]);
  });

  it('answers at the tail with an empty array, and finds at once what was just written', async () => {
    const offset = await streams.tail();
    const empty = await streams.read({ offset });
    expect(empty).toMatchObject({ messages: [], next: offset, isUpToDate: true });
    await log.fill(3);
    expect((await streams.read({ offset })).messages).toHaveLength(3);
  });

  it('reads nothing from now, and says where now is', async () => {
    const { response, messages, next, isUpToDate } = await streams.read({ offset: 'now' });
    expect(messages).toEqual([]);
    expect(next).toBe(await streams.tail());
    expect(isUpToDate).toBe(true);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('etag')).toBeNull();
  });

  it('goes on over what the filter hides', async () => {
    await log.fill(2, { dn: '777', event: 'call.ended', call: 'c777' });
    await log.fill(5);
    const chunks = await streams.readAll({ dn: '777' });
    expect(chunks.flatMap(({ messages }) => messages)).toHaveLength(2);
    expect(chunks.at(-1)?.next).toBe(await streams.tail());
    expect((await streams.read({ event: 'call.ended', call: 'c777,other' })).messages).toHaveLength(2);
    expect((await streams.read({ dn: '777', call: 'other' })).messages).toHaveLength(0);
  });

  it('reads a channel that was never written, and from the offset it got everything written since', async () => {
    const first = await streams.read({}, 'health');
    expect(first).toMatchObject({ messages: [], isUpToDate: true });
    await log.append([{ type: 'health', at: Date.now(), body: '{"data":{}}' }], 'health');
    expect((await streams.read({ offset: first.next }, 'health')).messages).toMatchObject([{ type: 'health' }]);
    expect(first.next < (await streams.read({}, 'health')).next).toBe(true);
  });

  it('ignores parameters that it does not know, as the protocol wants', async () => {
    expect((await streams.read({ offset: '-1', handle: 'x' })).messages.length).toBeGreaterThan(0);
  });
});

describe('caching', () => {
  it('lets only the asker keep an answer, the whole chunks for a minute', async () => {
    const [first] = await streams.readAll();
    expect(first?.response.headers.get('cache-control')).toBe('private, max-age=60, stale-while-revalidate=300');
    expect(first?.response.headers.get('vary')).toContain('Authorization');
    const last = await streams.read({ offset: await streams.tail() });
    expect(last.response.headers.get('cache-control')).toBe('private, no-cache');
  });

  it('answers 304 to who has it, until something new is written', async () => {
    const offset = await streams.tail();
    await log.fill(1);
    const etag = (await streams.read({ offset })).response.headers.get('etag') ?? '';
    const again = await streams.request('calls', { offset }, { headers: { 'if-none-match': `"other", W/${etag}` } });
    expect(again.status).toBe(304);
    expect(again.headers.get('stream-next-offset')).toBe(await streams.tail());
    expect((await streams.request('calls', { offset, dn: '1' }, { headers: { 'if-none-match': etag } })).status).toBe(
      200,
    );
    await log.fill(1);
    expect((await streams.request('calls', { offset }, { headers: { 'if-none-match': etag } })).status).toBe(200);
  });

  it('tells metadata on HEAD, kept by nobody', async () => {
    const response = await streams.request('calls', {}, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('stream-next-offset')).toMatch(/^[0-9a-z]{8}_\d{16}$/);
  });
});

describe('long poll', () => {
  it('waits for something new and answers as soon as it is there', async () => {
    const waiting = streams.read({ offset: await streams.tail(), live: 'long-poll' });
    await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 1, { what: 'the poll to wait' });
    await log.fill(1);
    expect((await waiting).messages).toHaveLength(1);
  });

  it('answers 204 when nothing comes, and a cursor that is greater than the one sent', async () => {
    const offset = await streams.tail();
    const response = await streams.request('calls', { offset, live: 'long-poll' });
    expect(response.status).toBe(204);
    expect(response.headers.get('stream-next-offset')).toBe(offset);
    expect(response.headers.get('stream-up-to-date')).toBe('true');
    const cursor = response.headers.get('stream-cursor') ?? '';
    expect(cursor).toMatch(/^\d+$/);
    const next = await streams.request('calls', { offset: '-1', live: 'long-poll', cursor });
    expect(Number(next.headers.get('stream-cursor'))).toBeGreaterThan(Number(cursor));
  });

  it('waits through what the filter hides, and moves its offset over it', async () => {
    const offset = await streams.tail();
    const waiting = streams.request('calls', { offset, live: 'long-poll', dn: '999' });
    await log.fill(3);
    const response = await waiting;
    expect(response.status).toBe(204);
    expect(response.headers.get('stream-next-offset')).toBe(await streams.tail());
  });

  it('does not let more wait than is set, and who has left does not wait', async () => {
    const poll = () => streams.request('calls', { offset: 'now', live: 'long-poll', dn: '999' });
    const left = new AbortController();
    const first = streams
      .request('calls', { offset: 'now', live: 'long-poll' }, { signal: left.signal })
      .catch(() => null);
    const second = poll();
    await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 2, { what: 'two polls to wait' });
    const refused = await poll();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'too_many_waiting' });
    left.abort();
    await first;
    await waitFor(async () => (await relay.metric('relay_waiting_requests')) < 2, { what: 'the place', everyMs: 5 });
    expect((await poll()).status).toBe(204);
    expect((await second).status).toBe(204);
  });
});

describe('server-sent events', () => {
  it('follows every data event by a control event, and ends after the time that is set', async () => {
    const offset = await streams.tail();
    await log.fill(4);
    const response = await streams.request('calls', { offset, live: 'sse' });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toContain('no-cache');
    const whole = readStreamEvents(response);
    await log.fill(1);
    const events = await whole;
    const data = events.filter(({ type }) => type === 'data');
    expect(data.flatMap(({ data }) => data as WireMessage[])).toHaveLength(5);
    for (const [index, { type }] of events.entries()) {
      if (type === 'data') expect(events[index + 1]?.type).toBe('control');
    }
    const last = events.at(-1)?.data as Control;
    expect(last).toMatchObject({ streamNextOffset: await streams.tail(), upToDate: true });
  });

  it('says upToDate only when nothing more is there', async () => {
    const events = await readStreamEvents(await streams.request('calls', { offset: '-1', live: 'sse' }));
    const controls = events.filter(({ type }) => type === 'control').map(({ data }) => data as Control);
    expect(controls.length).toBeGreaterThan(2);
    const now = await streams.tail();
    for (const { streamNextOffset, upToDate } of controls) expect(upToDate ?? false).toBe(streamNextOffset === now);
  });

  it('keeps the offset of a client from which the filter hides everything', async () => {
    const before = await streams.tail();
    const response = await streams.request('calls', { offset: before, live: 'sse', dn: '999' });
    await log.fill(2);
    const controls = (await readStreamEvents(response)).map(({ data }) => data as Control);
    expect(controls.map(({ streamNextOffset }) => streamNextOffset)).toEqual([before, await streams.tail()]);
  });

  it('begins with a cursor greater than the one sent', async () => {
    const events = await readStreamEvents(
      await streams.request('calls', { offset: 'now', live: 'sse', cursor: '900000000' }),
    );
    const cursors = events.map(({ data }) => Number((data as Control).streamCursor));
    expect(cursors[0]).toBeGreaterThan(900_000_000);
  });

  it('counts as a client, and waits beside the requests that wait', async () => {
    const before = await relay.metric('relay_clients');
    const response = await streams.request('calls', { offset: 'now', live: 'sse' });
    expect(await relay.metric('relay_clients')).toBe(before + 1);
    expect(await relay.metric('relay_waiting_requests')).toBe(0);
    await response.body?.cancel();
    await waitFor(async () => (await relay.metric('relay_clients')) === before, { what: 'it to be gone' });
  });
});

describe('what is not there', () => {
  it.each([
    ['offset=garbage', 'offset'],
    ['offset=', 'offset'],
    ['offset=-1&offset=now', 'offset'],
    ['offset=start', 'offset'],
    ['offset=0,1', 'offset'],
    [`offset=${'9'.repeat(65)}`, 'offset'],
    ['offset=now&live=always', 'live'],
    ['live=sse', 'offset'],
    ['live=long-poll', 'offset'],
    ['cursor=soon', 'cursor'],
    ['dn=', 'dn.0'],
  ])('refuses %s and names the parameter', async (query, field) => {
    const response = await streams.request('calls', query);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toMatch('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ status: 400, field });
  });

  it('knows no other channel, and no other method', async () => {
    const unknown = await streams.request('faxes');
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('x-content-type-options')).toBe('nosniff');
    expect(unknown.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(unknown.headers.get('cache-control')).toBe('no-store');
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      const response = await streams.request('calls', {}, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('HEAD, GET');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('asks for a key, and names the permission of the channel', async () => {
    expect((await fetch(`${relay.url}/relay/streams/calls`)).status).toBe(401);
    const headers = { authorization: `Bearer ${relay.powerlessKey}` };
    const calls = await streams.request('calls', {}, { headers });
    expect(calls.status).toBe(403);
    expect(await calls.text()).toContain('\\"read\\"');
    expect(await (await streams.request('audit', {}, { headers })).text()).toContain('\\"monitor\\"');
  });
});
