import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { sendRaw } from '../harness/raw-http.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

type EventsAnswer = { events: WireMessage[]; next: string; head: string; more: boolean };

let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  relay = await startTestRelay();
  log = createLogFiller(relay);
  await log.fill(250);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

function get(path: string, key: string | null = relay.apiKey): Promise<Response> {
  return fetch(`${relay.url}${path}`, key === null ? {} : { headers: { authorization: `Bearer ${key}` } });
}

async function events(query: Record<string, string>): Promise<EventsAnswer> {
  const response = await get(`/relay/events?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  return (await response.json()) as EventsAnswer;
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('GET /relay/events', () => {
  it('pages up from the start without a hole, to the head', async () => {
    const numbers: number[] = [];
    let page = await events({ limit: '100' });
    for (;;) {
      numbers.push(...page.events.map(numberIn));
      if (!page.more) break;
      page = await events({ limit: '100', after: page.next });
    }
    expect(numbers).toEqual(range(1, 250));
    expect(page.next).toBe(page.head);
  });

  it('pages down from the newest without a hole, to the start', async () => {
    const numbers: number[] = [];
    let page = await events({ limit: '60', order: 'desc' });
    for (;;) {
      numbers.push(...page.events.map(numberIn));
      if (!page.more) break;
      page = await events({ limit: '60', order: 'desc', before: page.next });
    }
    expect(numbers).toEqual(range(1, 250).reverse());
  });

  it('gives the same messages as the socket: id first, body as stored', async () => {
    const response = await get('/relay/events?limit=1');
    const text = await response.text();
    expect(text).toMatch(/^\{"events":\[\{"type":"call_event","id":"[0-9a-z]{8}_\d{16}","at":"/);
  });

  it('waits for something new, and answers as soon as it is there', async () => {
    const { head } = await events({ limit: '1' });
    const startedAt = performance.now();
    const waiting = events({ after: head, wait: '20' });
    await log.fill(1);
    const page = await waiting;
    expect(page.events.length).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('answers a wait with an empty page when nothing comes', async () => {
    const page = await events({ after: 'now', wait: '1' });
    expect(page).toMatchObject({ events: [], more: false });
    expect(page.next).toBe(page.head);
  });

  it('waits through events that the filter hides', async () => {
    const { head } = await events({ limit: '1' });
    const waiting = events({ after: head, wait: '20', dn: '555' });
    await log.fill(3);
    await log.fill(1, { dn: '555' });
    expect((await waiting).events).toHaveLength(1);
  });

  it('gives the place of a waiting client that leaves to somebody else', async () => {
    const leaving = new AbortController();
    const headers = { authorization: `Bearer ${relay.apiKey}` };
    const waiting = fetch(`${relay.url}/relay/events?after=now&wait=60`, { headers, signal: leaving.signal });
    waiting.catch(() => undefined);
    const places = () => relay.metric('relay_waiting_requests');
    await waitFor(async () => (await places()) === 1, { what: 'the request to wait' });
    leaving.abort();
    await waitFor(async () => (await places()) === 0, { what: 'its place to be free' });
  });

  it('filters by time', async () => {
    const at = Date.now() + 3_600_000;
    await log.fill(2, { at });
    const page = await events({ from: new Date(at - 1).toISOString() });
    expect(page.events).toHaveLength(2);
    expect((await events({ to: String(at - 1), limit: '1000' })).events.length).toBeGreaterThan(250);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=many', 'limit'],
    ['order=sideways', 'order'],
    ['channel=faxes', 'channel'],
    ['wait=1&order=desc', 'wait'],
    ['from=yesterday', 'from'],
    ['after=garbage', 'after'],
    ['afterr=start', 'afterr'],
  ])('refuses %s and names the parameter', async (query, field) => {
    const response = await get(`/relay/events?${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toMatch('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 400, field });
  });
});

describe('the public API', () => {
  it('asks for a key, says how to send it, and names a missing permission', async () => {
    const without = await get('/relay/active-calls', null);
    expect(without.status).toBe(401);
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    expect(await without.json()).toMatchObject({ code: 'unauthenticated' });
    const powerless = await get('/relay/active-calls', relay.powerlessKey);
    expect(powerless.status).toBe(403);
    expect(((await powerless.json()) as { detail: string }).detail).toContain('"read"');
  });

  it('takes the key as X-API-Key too', async () => {
    const response = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
    expect(await response.json()).toMatchObject({ source: 'projection', calls: [] });
  });

  it('tells anybody whether it works, and details only with a key', async () => {
    const open = (await (await get('/relay/health', null)).json()) as {
      status: string;
      components: Record<string, object>;
    };
    expect(open.status).toBe('degraded');
    expect(open.components.redis).toEqual({ state: 'up' });
    const detailed = (await (await get('/relay/health')).json()) as { components: Record<string, { error: string }> };
    expect(detailed.components.ingest?.error).toMatch('is it running');
  });

  it('says how long ago something of channel health came through the log, and of no other channel', async () => {
    const beatAgeMs = async () => {
      const health = (await (await get('/relay/health')).json()) as { components: { log: { beatAgeMs: number } } };
      return health.components.log.beatAgeMs;
    };
    await log.fill(1);
    await waitFor(async () => (await beatAgeMs()) > 1_500, { what: 'some age' });
    await log.append([{ type: 'health', at: Date.now(), event: 'health.sample', body: '{}' }], 'health');
    await waitFor(async () => (await beatAgeMs()) < 1_000, { what: 'the entry to have come' });
  });

  it('names the machine whose ingest writes and the one that stands by, to who has a key', async () => {
    const { redis, keys } = log;
    const since = new Date().toISOString();
    await redis.hset(keys.ingestLease, { run: 'r', host: 'one', pid: 1, since, renewedAt: since, ms: 10_000 });
    await redis.set(keys.ingestStatus, '{"state":"connected"}', 'PX', 10_000);
    await redis.set(keys.ingestStandby, '{"host":"two","pid":2}', 'PX', 10_000);
    const told = await waitFor(
      async () => {
        const health = (await (await get('/relay/health')).json()) as { components: Record<string, object> };
        return Object.hasOwn(health.components.ingest ?? {}, 'standby') && health.components.ingest;
      },
      { what: 'the report to be made anew' },
    );
    expect(told).toEqual({
      state: 'up',
      error: null,
      host: 'one',
      since,
      checkedAt: expect.any(String),
      standby: 'two',
    });
    const open = (await (await get('/relay/health', null)).json()) as { components: Record<string, object> };
    expect(open.components.ingest).toEqual({ state: 'up' });
    await redis.del(keys.ingestLease, keys.ingestStatus, keys.ingestStandby);
  });

  it('answers what is not there with a problem document, and another method with Allow', async () => {
    expect((await get('/relay/nothing')).status).toBe(404);
    const other = await fetch(`${relay.url}/relay/health`, { method: 'DELETE' });
    expect(other.status).toBe(405);
    expect(other.headers.get('allow')).toContain('GET');
  });

  it('keeps a connection longer than the proxy in front does, so that no request meets one that is closing', async () => {
    const nginxKeepsSeconds = 60;
    const [, seconds] = /timeout=(\d+)/.exec((await get('/relay/health')).headers.get('keep-alive') ?? '') ?? [];
    expect(Number(seconds)).toBeGreaterThan(nginxKeepsSeconds);
  });

  it('sends headers that keep browsers out of trouble', async () => {
    const response = await get('/relay/health', null);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/);
  });

  it('sends the same ones with what is refused before anything else looks at it', async () => {
    const ofApp = (await get('/relay/health', null)).headers;
    const names = ['content-security-policy', 'x-content-type-options', 'strict-transport-security', 'referrer-policy'];
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
    for (const [request, status] of [
      ['this is no HTTP', 400],
      ['GET /relay/health HTTP/1.1', 400],
      ['GET /relay/health#part HTTP/1.1\r\nHost: relay', 400],
      ['GET /relay/health HTTP/1.1\r\nHost: relay\r\nExpect: the-unexpected', 417],
      [`GET /relay/health HTTP/1.1\r\nHost: relay\r\nX-Long: ${'x'.repeat(100_000)}`, 431],
      [`GET /relay/ws HTTP/1.1\r\nHost: relay\r\n${upgrade}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==`, 401],
      [`GET /elsewhere HTTP/1.1\r\nHost: relay\r\n${upgrade}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==`, 404],
      [`GET /relay/ws HTTP/1.1\r\nHost: relay\r\nX-API-Key: ${relay.apiKey}\r\n${upgrade}`, 400],
    ] as const) {
      const answer = await sendRaw(relay.url, Buffer.from(`${request}\r\n\r\n`));
      expect(answer?.status, request.slice(0, 80)).toBe(status);
      for (const name of names)
        expect(answer?.headers.split('\r\n')).toContain(`${name}: ${ofApp.get(name)?.toLowerCase()}`);
    }
  });
});
