import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openRaw } from '../harness/raw-http.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Clients that are gone before they are answered, which takes a look at the log. */
const CLIENTS = 60;

let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  relay = await startTestRelay();
  log = createLogFiller(relay);
  await log.fill(100);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

it.each([
  '/relay/streams/calls?offset=-1',
  '/relay/streams/calls?offset=-1&live=sse',
  '/relay/streams/calls?offset=now&live=long-poll',
  '/relay/events/stream?after=start',
  '/relay/events?after=start',
  '/relay/history/calls?format=csv',
])('whoever asks for %s and is gone before the answer leaves nothing behind', async path => {
  const { apiKey } = await relay.createKey({ limits: { maxConnections: CLIENTS } });
  for (let n = 0; n < CLIENTS; n += 1) {
    const socket = openRaw(relay.url);
    socket.on('error', () => undefined);
    await new Promise(resolve => socket.once('connect', resolve));
    socket.write(`GET ${path} HTTP/1.1\r\nhost: relay\r\nx-api-key: ${apiKey}\r\n\r\n`);
    // So that some are gone before, some while, and some after they are answered.
    if (n % 3 > 0) await new Promise(resolve => setTimeout(resolve, n % 3));
    socket.resetAndDestroy();
  }
  const left = async () => ({
    clients: await relay.metric('relay_clients'),
    bytes: await relay.metric('relay_send_budget_used_bytes'),
  });
  await waitFor(async () => (await left()).clients === 0, { what: 'all to be gone' }).catch(() => undefined);
  expect(await left()).toEqual({ clients: 0, bytes: 0 });
  // Nor is a place of the key, or one of the few of its kind, taken for good.
  const leaving = new AbortController();
  const { status } = await fetch(`${relay.url}${path}`, { headers: { 'x-api-key': apiKey }, signal: leaving.signal });
  leaving.abort();
  expect([200, 204]).toContain(status);
});
