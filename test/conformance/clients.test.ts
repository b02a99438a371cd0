import { type ChildProcess, spawn } from 'node:child_process';
import { type StreamResponse, stream } from '@durable-streams/client';
import { EventSource } from 'eventsource';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { type ServiceProcess, startService } from '../harness/processes.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * Clients that others wrote, unmodified, against the relay as a process of its own, which is killed under three of them and
 * started again for those and for all others. The relay in this process only makes the database and the key.
 */
let home: TestRelay;
let log: LogFiller;
let url: string;
let service: ServiceProcess;
/** Of those who were there when the relay was killed; the others' are `ends`. */
const endsOfSurvivors: (() => void)[] = [];
const ends: (() => void)[] = [];
const polled: number[] = [];
const pushed: number[] = [];
const heard: WireMessage[] = [];
const sentIds: (string | null)[] = [];
let pushing: StreamResponse<WireMessage>;
let kept: { offset: () => string };
let lastHeard: WireMessage | undefined;

beforeAll(async () => {
  home = await startTestRelay();
  log = createLogFiller(home);
  await log.fill(600);
  const port = String(await findFreePort());
  url = `http://127.0.0.1:${port}`;
  service = await startRelay({ PORT: port });
  await beginToRead();
  await service.kill();
  await log.fill(20);
  service = await startRelay({ PORT: port, RELAY_STREAM_SSE_MS: '1500' });
});

async function beginToRead(): Promise<void> {
  follow(await open({ live: 'long-poll' }), polled);
  pushing = await open({ live: 'sse' });
  kept = follow(pushing, pushed);
  const source = new EventSource(`${url}/relay/events/stream?after=start`, {
    fetch(input, init) {
      const all = { ...init.headers, ...headers() };
      sentIds.push(new Headers(all).get('last-event-id'));
      return fetch(input, { ...init, headers: all });
    },
  });
  source.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as WireMessage;
    if (message.type === 'call_event') heard.push(message);
  });
  endsOfSurvivors.push(...ends.splice(0), () => source.close());
  for (const each of [polled, pushed, heard]) {
    await waitFor(async () => each.length === (await written()), { what: 'the history' });
  }
  lastHeard = heard.at(-1);
}

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

afterAll(async () => {
  for (const end of endsOfSurvivors) end();
  await service?.kill();
  await log?.stop();
  await home?.stop();
});

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** How many events the log has: every test writes some. */
const written = async () => Number(await log.redis.hget(log.keys.meta('calls'), 'seq'));

function startRelay(settings: Record<string, string>): Promise<ServiceProcess> {
  return startService('relay', {
    PBX_ID: home.pbxId,
    REDIS_URL: home.redisUrl,
    DATABASE_URL: home.databaseUrl,
    ADMIN_SECRET: adminSecret,
    RELAY_CLIENT_BYTES: '32768',
    RELAY_STREAM_LONG_POLL_MS: '2000',
    ...settings,
  });
}

const headers = () => ({ 'x-api-key': home.apiKey });

type Open = { live: false | 'long-poll' | 'sse'; offset?: string; fetch?: typeof fetch };

function open({ offset = '-1', ...options }: Open): Promise<StreamResponse<WireMessage>> {
  return stream({ url: `${url}/relay/streams/calls`, headers: headers(), offset, json: true, ...options });
}

/** Takes what comes until the session ends, as a program would that stores its offset with each batch. */
function follow(session: StreamResponse<WireMessage>, numbers: number[]): { offset: () => string } {
  let offset = session.offset;
  session.closed.catch(() => undefined);
  session.subscribeJson(batch => {
    numbers.push(...batch.items.map(numberIn));
    offset = batch.offset;
  });
  ends.push(() => session.cancel());
  return { offset: () => offset };
}

async function waitForAll(numbers: readonly number[], timeoutMs = 15_000): Promise<void> {
  await waitFor(async () => numbers.length === (await written()), { what: 'everything that is written', timeoutMs });
  expect(numbers).toEqual(range(1, await written()));
}

describe('while the relay is killed and started again', () => {
  it('a long poll of @durable-streams/client goes on by itself', () => waitForAll(polled));

  it('its server-sent events, cut off, go on from the offset that was kept', async () => {
    // Whether the client ends with an error or is let in again depends on how soon it tries.
    const isOver = pushing.closed.then(
      () => true,
      () => true,
    );
    const goesOn = waitForAll(pushed).then(() => false);
    goesOn.catch(() => undefined);
    if (await Promise.race([isOver, goesOn])) follow(await open({ live: 'sse', offset: kept.offset() }), pushed);
    await waitForAll(pushed);
  });

  it('eventsource goes on by itself with Last-Event-ID', async () => {
    await waitFor(async () => heard.length === (await written()), { what: 'the rest', timeoutMs: 15_000 });
    expect(heard.map(numberIn)).toEqual(range(1, await written()));
    expect(sentIds[0]).toBeNull();
    expect(sentIds.at(-1)).toBe(lastHeard?.id);
  });
});

describe('@durable-streams/client', () => {
  it('catches up, a chunk at a time', async () => {
    const numbers: number[] = [];
    let offset = '-1';
    for (let isUpToDate = false; !isUpToDate; ) {
      const session = await open({ live: false, offset });
      numbers.push(...(await session.json()).map(numberIn));
      ({ offset } = session);
      isUpToDate = session.upToDate;
    }
    expect(numbers).toEqual(range(1, await written()));
  });

  it('follows by long poll', async () => {
    const numbers: number[] = [];
    follow(await open({ live: 'long-poll' }), numbers);
    await waitForAll(numbers);
    await log.fill(3);
    await waitForAll(numbers);
  });

  it('follows by server-sent events over several connections', async () => {
    const numbers: number[] = [];
    let connections = 0;
    const counted: typeof fetch = (input, init) => {
      connections += 1;
      return fetch(input, init);
    };
    follow(await open({ live: 'sse', fetch: counted }), numbers);
    while (connections < 2) {
      await log.fill(1);
      await waitForAll(numbers);
    }
    await log.fill(1);
    await waitForAll(numbers);
  });

  it('is told by an error that what it asks for is gone', async () => {
    for (const live of [false, 'long-poll', 'sse'] as const) {
      await expect(open({ live, offset: '00abcdef_0000000000000007' })).rejects.toMatchObject({ status: 410 });
    }
  });

  it('is told by an error that its key does not do', async () => {
    const asking = stream({ url: `${url}/relay/streams/calls`, headers: { authorization: 'Bearer 3cxr_wrong' } });
    await expect(asking).rejects.toMatchObject({ status: 401 });
  });
});

describe('curl -N', () => {
  function curl(path: string, ...more: string[]): { output: () => string; exited: Promise<number | null> } {
    const child: ChildProcess = spawn('curl', ['-sN', '-H', `X-API-Key: ${home.apiKey}`, ...more, `${url}${path}`]);
    ends.push(() => child.kill());
    let output = '';
    child.stdout?.on('data', chunk => {
      output += chunk;
    });
    return { output: () => output, exited: new Promise(resolve => child.once('exit', resolve)) };
  }

  const numbersIn = (text: string) => [...text.matchAll(/"call":\{"n":(\d+)\}/g)].map(([, n]) => Number(n));

  it('shows GET /relay/events/stream as it happens, and goes on behind a position', async () => {
    const first = curl('/relay/events/stream?after=start');
    await waitFor(() => first.output().includes('caught_up'), { what: 'the history' });
    await log.fill(2);
    await waitFor(async () => numbersIn(first.output()).length === (await written()), { what: 'what is live' });
    expect(numbersIn(first.output())).toEqual(range(1, await written()));
    const id = /id: (\w+)/.exec(first.output())?.[1] ?? '';
    const again = curl('/relay/events/stream', '-H', `Last-Event-ID: ${id}`);
    await waitFor(() => again.output().includes('caught_up'), { what: 'the rest' });
    expect(numbersIn(again.output())).toEqual(range(2, await written()));
  });

  it('shows a stream as it happens, until the relay ends it, and goes on at the last offset', async () => {
    const first = curl('/relay/streams/calls?offset=-1&live=sse');
    await waitFor(() => first.output().includes('upToDate'), { what: 'the history' });
    await log.fill(2);
    expect(await first.exited).toBe(0);
    expect(numbersIn(first.output())).toEqual(range(1, await written()));
    const offset =
      first
        .output()
        .match(/\w{8}_\d{16}(?=","streamCursor)/g)
        ?.at(-1) ?? '';
    await log.fill(1);
    const again = curl(`/relay/streams/calls?offset=${offset}`);
    expect(await again.exited).toBe(0);
    expect(numbersIn(again.output())).toEqual([await written()]);
  });
});
