import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { openSse, type SseClient } from '../harness/sse-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_HEARTBEAT_MS: '400' });
  log = createLogFiller(relay);
  await log.fill(100);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

function open(query: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<SseClient> {
  const url = `${relay.url}/relay/events/stream?${new URLSearchParams(query)}`;
  return openSse(url, { 'x-api-key': relay.apiKey, ...headers });
}

function numbersOf(client: SseClient): number[] {
  return client.entries().map(({ message }) => numberIn(message));
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('GET /relay/events/stream', () => {
  it('answers HEAD with its headers alone, and keeps no client for it', async () => {
    const before = await relay.metric('relay_clients');
    const { status, headers } = await fetch(`${relay.url}/relay/events/stream`, {
      ...{ method: 'HEAD', headers: { 'x-api-key': relay.apiKey } },
      signal: AbortSignal.timeout(5_000),
    });
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(await relay.metric('relay_clients')).toBe(before);
  });

  it('leaves no cookie for who opens no stream with his ticket: who asks with HEAD, or is refused a place', async () => {
    const { apiKey } = await relay.createKey({ limits: { maxConnections: 1 } });
    const ask = async (method: string) => {
      const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
      const issued = await fetch(`${relay.url}/relay/tickets`, { method: 'POST', headers, body: '{}' });
      const { ticket } = (await issued.json()) as { ticket: string };
      const asking = new AbortController();
      const url = `${relay.url}/relay/events/stream?ticket=${ticket}`;
      const { status, headers: answered } = await fetch(url, { method, signal: asking.signal });
      return { status, hasCookie: answered.has('set-cookie'), leave: () => asking.abort() };
    };
    expect(await ask('HEAD')).toMatchObject({ status: 200, hasCookie: false });
    const first = await ask('GET');
    expect(first).toMatchObject({ status: 200, hasCookie: true });
    expect(await ask('GET')).toMatchObject({ status: 429, hasCookie: false });
    first.leave();
  });

  it('gives everything from the start, each with its position as id, and then what happens', async () => {
    const client = await open({ after: 'start' });
    await client.waitForMessage('caught_up');
    await log.fill(3);
    await waitFor(() => client.entries().length === 103, { what: 'the live events' });
    expect(numbersOf(client)).toEqual(range(1, 103));
    expect(client.entries().every(({ id, message }) => id === message.id)).toBe(true);
    expect(client.text()).toMatch(/^retry: \d+\n\n/);
    client.close();
  });

  it('goes on behind Last-Event-ID, whatever the URL says', async () => {
    const first = await open({ after: 'start' });
    await first.waitForMessage('caught_up');
    const tenth = first.entries()[9]?.id ?? '';
    first.close();
    const again = await open({ after: 'start', snapshot: '0' }, { 'last-event-id': tenth });
    await again.waitForMessage('caught_up');
    expect(numbersOf(again)[0]).toBe(11);
    again.close();
  });

  it('filters, and keeps the position of who gets nothing fresh', async () => {
    const client = await open({ dn: '777' });
    await client.waitForMessage('caught_up');
    await log.fill(2);
    await log.fill(1, { dn: '777' });
    await log.fill(2);
    await waitFor(() => client.entries().length === 1, { what: 'the one that matches' });
    const last = client.entries()[0]?.id ?? '';
    await waitFor(
      () => client.events.find(({ id, message }) => message.type === 'position' && id !== null && id > last),
      { what: 'a position beyond it' },
    );
    client.close();
  });

  it('begins with a snapshot when asked, but not again when it comes back', async () => {
    const client = await open({ snapshot: '1' });
    const snapshot = await client.waitForMessage('snapshot');
    expect(snapshot.message.calls).toEqual([]);
    client.close();
    const again = await open({ snapshot: '1' }, { 'last-event-id': snapshot.id ?? '' });
    await again.waitForMessage('caught_up');
    expect(again.events.some(({ message }) => message.type === 'snapshot')).toBe(false);
    again.close();
  });

  it('shows a sign of life while nothing happens', async () => {
    const client = await open({ channel: 'audit' });
    await waitFor(() => client.text().includes('\n:\n\n'), { what: 'a comment' });
    client.close();
  });

  it.each([
    ['channel=faxes', 'channel'],
    ['after=garbage', 'after'],
    ['snapshot=1&after=start', 'snapshot'],
    ['snapshot=1&channel=health', 'snapshot'],
    ['limit=5', 'limit'],
  ])('refuses %s before anything is sent, and names the parameter', async (query, field) => {
    const response = await fetch(`${relay.url}/relay/events/stream?${query}`, {
      headers: { 'x-api-key': relay.apiKey },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ field });
  });

  it('counts as a client and is gone when it leaves', async () => {
    const client = await open();
    await waitFor(async () => (await relay.metric('relay_clients')) > 0, { what: 'the client to be counted' });
    client.close();
    await waitFor(async () => (await relay.metric('relay_clients')) === 0, { what: 'the client to be gone' });
  });
});

describe('a stream of a relay that stops', () => {
  it('is told when to come back and ends', async () => {
    const leaving = await startTestRelay();
    const client = await openSse(`${leaving.url}/relay/events/stream`, { 'x-api-key': leaving.apiKey });
    await client.waitForMessage('caught_up');
    await leaving.stop();
    await client.ended;
    expect(client.events.at(-1)?.message).toMatchObject({ type: 'reconnect', afterMs: expect.any(Number) });
  });
});
