import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import type { WireMessage } from '../harness/relay-client.ts';
import { createStreamReader, readStreamEvents, type StreamReader } from '../harness/stream-reader.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Each test has a relay and a log that nobody else needs. */
let relay: TestRelay;
let log: LogFiller;
let streams: StreamReader;
let isStopped = false;

async function start(settings: Record<string, string> = {}): Promise<void> {
  relay = await startTestRelay({ RELAY_STREAM_LONG_POLL_MS: '10000', ...settings });
  log = createLogFiller(relay);
  streams = createStreamReader(relay);
  isStopped = false;
}

async function stop(): Promise<void> {
  if (isStopped) return;
  isStopped = true;
  await log.stop();
  await relay.stop();
}

afterEach(stop);

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** An offset of the same epoch. */
const at = (like: string, seq: number) => `${like.slice(0, 9)}${String(seq).padStart(16, '0')}`;

it('answers 410 with reason, number lost and where to go on', async () => {
  await start();
  await log.fill(3);
  const now = await streams.tail();
  const ahead = await streams.request('calls', { offset: at(now, 10) });
  expect(ahead.status).toBe(410);
  expect(ahead.headers.get('content-type')).toMatch('application/problem+json');
  expect(ahead.headers.get('cache-control')).toBe('no-store');
  expect(await ahead.json()).toMatchObject({ code: 'gone', reason: 'log_rolled_back', resumeOffset: now });
  for (const live of ['long-poll', 'sse']) {
    const unknown = await streams.request('calls', { offset: at('00abcdef_', 5), live });
    expect(unknown.status).toBe(410);
    const { reason, oldestOffset } = (await unknown.json()) as { reason: string; oldestOffset: string };
    expect(reason).toBe('log_reset');
    expect(oldestOffset).toBe(at(now, 0));
  }
});

it('ends a chunk before a hole, answers 410 in front of it, and names the offsets that go on', async () => {
  const { url: redisUrl, pbxId } = await createTestRedis();
  const ownLog = createLogFiller({ redisUrl, pbxId });
  await ownLog.fill(20);
  await ownLog.redis.xtrim(ownLog.keys.log('calls'), 'MINID', '5');
  await ownLog.redis.xdel(ownLog.keys.log('calls'), '9-0', '10-0', '11-0');
  await ownLog.stop();
  await start({ PBX_ID: pbxId });
  const now = await streams.tail();
  const trimmed = await streams.request('calls', { offset: at(now, 2) });
  expect(trimmed.status).toBe(410);
  const below = (await trimmed.json()) as { oldestOffset: string };
  expect(below).toMatchObject({ reason: 'retention', lost: 2, oldestOffset: at(now, 4), resumeOffset: at(now, 4) });

  const before = await streams.read({ offset: below.oldestOffset });
  expect(before.messages.map(numberIn)).toEqual(range(5, 8));
  expect(before).toMatchObject({ next: at(now, 8), isUpToDate: false });
  expect((await streams.read({})).messages).toEqual(before.messages);

  const following = await readStreamEvents(await streams.request('calls', { offset: at(now, 6), live: 'sse' }));
  expect(following.map(({ type }) => type)).toEqual(['data', 'control']);
  expect(following[1]?.data).toMatchObject({ streamNextOffset: at(now, 8) });

  const hole = await streams.request('calls', { offset: before.next, live: 'long-poll' });
  expect(hole.status).toBe(410);
  const gone = (await hole.json()) as { resumeOffset: string };
  expect(gone).toMatchObject({ reason: 'retention', lost: 3, oldestOffset: at(now, 4), resumeOffset: at(now, 11) });
  const behind = await streams.read({ offset: gone.resumeOffset });
  expect(behind.messages.map(numberIn)).toEqual(range(12, 20));

  const headers = { authorization: `Bearer ${relay.apiKey}` };
  const page = (await (await fetch(`${relay.url}/relay/events`, { headers })).json()) as { events: WireMessage[] };
  const told = page.events.map(message => (message.type === 'gap' ? `${message.lost} lost` : numberIn(message)));
  expect(told).toEqual([...range(5, 8), '3 lost', ...range(12, 20)]);
});

it('tells readers that wait that the log was lost and begun again, and ends those that follow', async () => {
  await start();
  await log.fill(5);
  const offset = await streams.tail();
  const polling = streams.request('calls', { offset, live: 'long-poll' });
  const following = streams.request('calls', { offset, live: 'sse' }).then(readStreamEvents);
  await waitFor(async () => (await relay.metric('relay_clients')) === 1, { what: 'the client' });
  await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 1, { what: 'the poll' });
  await log.redis.del(log.keys.log('calls'), log.keys.meta('calls'));
  const fresh = createLogFiller(relay);
  // The clock of epochs has milliseconds.
  await sleep(5);
  await fresh.append([{ type: 'call_event', at: Date.now(), body: '{"data":null}' }]);
  await fresh.stop();
  const answer = await polling;
  expect(answer.status).toBe(410);
  expect(await answer.json()).toMatchObject({ reason: 'log_reset', lost: null });
  expect((await following).every(({ type }) => type === 'control')).toBe(true);
});

it('ends long polls and connections on shutdown with what they have, never as gone', async () => {
  await start();
  await log.fill(1);
  const offset = await streams.tail();
  const polling = streams.request('calls', { offset, live: 'long-poll' });
  const following = streams.request('calls', { offset, live: 'sse' }).then(readStreamEvents);
  await waitFor(async () => (await relay.metric('relay_clients')) === 1, { what: 'the client' });
  await waitFor(async () => (await relay.metric('relay_waiting_requests')) === 1, { what: 'the poll' });
  await stop();
  const answer = await polling;
  expect(answer.status).toBe(204);
  expect(answer.headers.get('stream-next-offset')).toBe(offset);
  expect((await following).at(-1)?.data).toMatchObject({ streamNextOffset: offset });
});

it('a client that stops reading costs one write, and gets everything in order when it reads again', async () => {
  await start({ RELAY_CLIENT_BYTES: '65536' });
  const entries = 12_000;
  const body = JSON.stringify({ at: '2026-03-02T09:00:00.000Z', data: { text: 'x'.repeat(1_000) } });
  await log.fill(entries, { body });
  const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
  try {
    socket.pause();
    socket.write('GET /relay/streams/calls?offset=-1&live=sse HTTP/1.1\r\nHost: relay\r\n');
    socket.write(`X-API-Key: ${relay.apiKey}\r\n\r\n`);
    await waitFor(async () => (await relay.metric('relay_queued_bytes')) > 0, { what: 'the kernel to be full' });
    await sleep(100);
    expect(await relay.metric('relay_queued_bytes')).toBeLessThan(2 * 65_536);

    let text = '';
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.resume();
    // The relay may be up to date with what it has read itself, and itself still be reading.
    const last = `_${String(entries).padStart(16, '0')}"`;
    await waitFor(() => text.slice(-3_000).includes(last), { what: 'the rest', timeoutMs: 20_000 });
    const ids = [...text.matchAll(/"id":"[0-9a-z]{8}_(\d{16})"/g)];
    expect(ids.map(([, digits]) => Number(digits))).toEqual(range(1, entries));
  } finally {
    socket.destroy();
  }
});
