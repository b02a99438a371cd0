import { setTimeout as sleep } from 'node:timers/promises';
import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import type { ConnectionState } from '@3cx-relay/shared/client/link.ts';
import { memoryPositions } from '@3cx-relay/shared/client/position-store.ts';
import { createRelayClient, type EventsOptions } from '@3cx-relay/shared/client/relay-client.ts';
import type { RelayError } from '@3cx-relay/shared/client/relay-error.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy } from '../fixtures/tcp-proxy.ts';

const reconnect = { firstMs: 20, maxMs: 100, healthyMs: 500 };
let relay: TestRelay;
let log: LogFiller;
let filled = 0;

beforeAll(async () => {
  relay = await startTestRelay({ RELAY_HEARTBEAT_MS: '400' });
  log = createLogFiller(relay);
  await fill(1_000);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

async function fill(count: number, attributes: Parameters<LogFiller['fill']>[1] = {}): Promise<void> {
  filled += count;
  await log.fill(count, attributes);
}

const client = (url = relay.url, apiKey = relay.apiKey) => createRelayClient({ url, apiKey, reconnect });
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** Reads until the condition holds, and leaves the loop. */
async function read(
  options: EventsOptions,
  isEnough: (items: readonly RelayItem[]) => boolean,
  url = relay.url,
): Promise<RelayItem[]> {
  const items: RelayItem[] = [];
  for await (const item of client(url).events({ ...options, signal: AbortSignal.timeout(15_000) })) {
    items.push(item);
    if (isEnough(items)) return items;
  }
  throw new Error(`only ${items.length} items came`);
}

async function refusalOf(options: EventsOptions, from = client()): Promise<RelayError> {
  try {
    for await (const item of from.events(options)) throw new Error(`an item came: ${JSON.stringify(item)}`);
  } catch (error) {
    return error as RelayError;
  }
  throw new Error('the loop ended without an error');
}

describe('a stream', () => {
  it('gives everything from the start once, in order, says when that was the past, and goes on live', async () => {
    const numbers: number[] = [];
    let pastEndedAt = 0;
    const stream = client().events({
      after: 'start',
      onCaughtUp: () => {
        pastEndedAt = numbers.length;
        void fill(10);
      },
    });
    const total = filled + 10;
    for await (const item of stream) {
      numbers.push(numberIn(item));
      if (numbers.length === total) break;
    }
    expect(numbers).toEqual(range(1, total));
    expect(pastEndedAt).toBe(total - 10);
    expect(stream.state).toEqual({ state: 'closed', error: undefined });
  });

  it('that begins now misses nothing from its greeting on, though it was cut before anything came', async () => {
    const proxy = await startTcpProxy(relay.url);
    const stream = client(proxy.url).events();
    const first = stream.next();
    await waitFor(() => stream.isCaughtUp, { what: 'the stream to be caught up' });
    await proxy.cut();
    await fill(3);
    await proxy.restore();
    expect(numberIn((await first).value ?? {})).toBe(filled - 2);
    await stream.return();
    await proxy.stop();
  });

  it('starts with a snapshot when asked, and continues behind it', async () => {
    const state = { of: 'calls', field: 'c1', value: '{"callId":"c1","state":"ringing"}' } as const;
    await fill(1, { state: [state] });
    const onCaughtUp = () => void fill(1);
    const [snapshot, event] = await read({ snapshot: true, onCaughtUp }, all => all.length === 2);
    expect(snapshot).toMatchObject({ type: 'snapshot', calls: [{ callId: 'c1' }] });
    expect(numberIn(event ?? {})).toBe(filled);
  });

  it('tells what is missing, and reads on behind it', async () => {
    const [first] = await read({ after: 'start' }, all => all.length === 1);
    const epoch = String(first?.id).slice(0, 9);
    const reset = await read({ after: 'aaaaaaaa_0000000000000007' }, all => all.length === 3);
    expect(reset[0]).toMatchObject({ type: 'gap', reason: 'log_reset', lost: null });
    expect(reset.slice(1).map(numberIn)).toEqual([1, 2]);
    const ahead = { after: `${epoch}0000000900000000`, onCaughtUp: () => void fill(1) };
    const [gap, next] = await read(ahead, all => all.length === 2);
    expect(gap).toMatchObject({ type: 'gap', reason: 'log_rolled_back' });
    expect(numberIn(next ?? {})).toBe(filled);
  });

  it('carries several channels on one connection, each in order, filters applied', async () => {
    const sample = (n: number) => ({
      type: 'health',
      at: Date.now(),
      body: `{"at":"","event":"health.sample","call":{"n":${n}}}`,
    });
    await log.append(range(1, 20).map(sample), 'health');
    await fill(5, { dn: '777' });
    const items = await read(
      { channels: ['calls', 'health'], after: 'start', dn: ['777'] },
      all => all.length === 5,
    ).then(calls => calls.map(item => [item.type, numberIn(item)]));
    expect(items).toEqual(range(filled - 4, filled).map(n => ['call_event', n]));
    const both = await read({ channels: ['calls', 'health'], after: 'start' }, all => all.length === filled + 20);
    expect(both.filter(item => item.type === 'health').map(numberIn)).toEqual(range(1, 20));
    expect(both.filter(item => item.type === 'call_event').map(numberIn)).toEqual(range(1, filled));
    expect(await relay.metric('relay_clients')).toBeLessThanOrEqual(1);
  });

  it('of a slow consumer holds no more than its limit, gives the connection up meanwhile, and loses nothing', async () => {
    const states: string[] = [];
    const limits = { maxQueuedMessages: 300, maxQueuedBytes: 1_000_000 };
    const stream = client().events({ after: 'start', ...limits, onState: ({ state }) => states.push(state) });
    const numbers: number[] = [];
    let mostQueued = 0;
    await fill(1_500);
    const total = filled + 500;
    const load = (async () => {
      for (let i = 0; i < 5; i += 1) await fill(100);
    })();
    for await (const item of stream) {
      numbers.push(numberIn(item));
      mostQueued = Math.max(mostQueued, stream.queued.messages);
      if (numbers.length % 50 === 0) await sleep(5);
      if (numbers.length === total) break;
    }
    await load;
    expect(numbers).toEqual(range(1, total));
    expect(mostQueued).toBeGreaterThan(200);
    expect(mostQueued).toBeLessThanOrEqual(300);
    // How often depends on who is faster in between; that it was once more than the first time, on nothing.
    expect(states.filter(state => state === 'paused').length).toBeGreaterThan(1);
    expect(states).not.toContain('waiting');
  });

  it('over a connection that freezes goes on over another one, once either side has noticed', async () => {
    const proxy = await startTcpProxy(relay.url);
    const states: ConnectionState[] = [];
    const stream = client(proxy.url).events({ onState: state => states.push(state) });
    const first = stream.next();
    await waitFor(() => stream.isCaughtUp, { what: 'the stream to be caught up' });
    const frozenAt = performance.now();
    proxy.freeze();
    await fill(2);
    await waitFor(() => states.some(({ state }) => state === 'waiting'), { what: 'the silence to be noticed' });
    const noticedInMs = performance.now() - frozenAt;
    expect(noticedInMs).toBeLessThan(1_500);
    await proxy.cut();
    await proxy.restore();
    expect(numberIn((await first).value ?? {})).toBe(filled - 1);
    expect(numberIn((await stream.next()).value ?? {})).toBe(filled);
    await stream.return();
    await proxy.stop();
  });
});

describe('a position', () => {
  it('is saved once its item was dealt with, and a new stream continues there', async () => {
    const positions = memoryPositions();
    const first = await read({ after: 'start', positions }, all => all.length === 100);
    const second = await read({ after: 'start', positions }, all => all.length === 2);
    // Whether the hundredth was dealt with, nobody said: the loop was left in its turn.
    expect([numberIn(first.at(-1) ?? {}), ...second.map(numberIn)]).toEqual([100, 100, 101]);
  });

  it('that the relay sends for a filtered client moves only behind what was dealt with', async () => {
    const positions = memoryPositions();
    const stream = client().events({ dn: ['888'], positions, saveEveryMs: 10 });
    const first = stream.next();
    await waitFor(() => stream.isCaughtUp, { what: 'the stream to be caught up' });
    await fill(1, { dn: '888' });
    const item = (await first).value;
    const before = stream.position('calls');
    await fill(5);
    await waitFor(() => stream.queued.messages > 0, { what: 'a position that waits' });
    expect(stream.position('calls')).toBe(before);
    expect(String(before) < String(item?.id)).toBe(true);
    const second = stream.next();
    expect(String(stream.position('calls')) > String(item?.id)).toBe(true);
    await expect.poll(() => positions.load('calls')).toBe(stream.position('calls'));
    await stream.return();
    expect(await second).toEqual({ done: true, value: undefined });
  });

  it('that cannot be saved ends the stream with the reason', async () => {
    const positions = { load: () => null, save: () => Promise.reject(new Error('the disk is full')) };
    await expect(read({ after: 'start', positions, saveEveryMs: 1 }, () => false)).rejects.toThrow('the disk is full');
  });
});

describe('what cannot get better is an error', () => {
  it.each([
    [
      'a key that is not valid',
      { code: 'unauthenticated', status: 401 },
      () => refusalOf({}, client(relay.url, 'wrong')),
    ],
    [
      'a channel that the key may not read',
      { code: 'forbidden_channel', field: 'channels.calls' },
      () => refusalOf({}, client(relay.url, relay.powerlessKey)),
    ],
    ['a position that is none', { code: 'invalid_position' }, () => refusalOf({ after: 'yesterday' })],
    ['an empty filter', { code: 'invalid_message', field: 'channels.calls.dn.0' }, () => refusalOf({ dn: [''] })],
  ])('%s', async (_what, expected, refusal) => {
    expect(await refusal()).toMatchObject({ name: 'RelayError', reconnect: false, ...expected });
  });

  it.each([
    [{ channels: ['calls', 'health'], after: 'm5k2h7qa_0000000000000001' }, 'after'],
    [{ snapshot: true, after: 'start' }, 'snapshot'],
    [{ channels: [] }, 'channels'],
  ] as const)('options that contradict each other: %j', (options, field) => {
    expect(() => client().events(options)).toThrow(expect.objectContaining({ code: 'invalid_options', field }));
  });
});

describe('the end', () => {
  it('by a signal is an end and no error, also for one who waits; the socket is closed', async () => {
    const stop = new AbortController();
    const stream = client().events({ signal: stop.signal });
    const waiting = stream.next();
    await waitFor(() => stream.isCaughtUp, { what: 'the stream to be caught up' });
    stop.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await waitFor(async () => (await relay.metric('relay_clients')) === 0, { what: 'the socket to be closed' });
  });

  it('before the beginning connects to nothing', async () => {
    const states: string[] = [];
    const stream = client().events({ signal: AbortSignal.abort(), onState: ({ state }) => states.push(state) });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(states).not.toContain('connecting');
  });

  it('while the relay is away does not wait for it', async () => {
    const stream = client('http://127.0.0.1:9').events();
    const waiting = stream.next();
    await waitFor(() => stream.state.state === 'waiting', { what: 'an attempt to fail' });
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});

describe('over HTTP', () => {
  it('pages and active calls are typed, and a problem is an error with its code', async () => {
    const api = client();
    const page = await api.page({ after: 'start', limit: 2 });
    expect(page.events.map(numberIn)).toEqual([1, 2]);
    const next = await api.page({ after: page.next ?? '', limit: 1, dn: ['101'], from: new Date(0) });
    expect(next.events.map(numberIn)).toEqual([3]);
    expect((await api.activeCalls()).position).toBe(page.head);
    await expect(api.page({ limit: 0 })).rejects.toMatchObject({
      code: 'invalid_request',
      status: 400,
      field: 'limit',
    });
    await expect(client('http://127.0.0.1:9').activeCalls()).rejects.toMatchObject({
      code: 'unreachable',
      reconnect: true,
    });
    const answer = api.command({ participant: '101:1', action: 'transferto', destination: '' });
    await expect(answer).rejects.toMatchObject({ code: 'invalid_request', field: 'destination' });
  });
});
