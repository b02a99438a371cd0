import type { Socket } from 'node:net';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { createClientCrowd } from '../harness/client-crowd.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { openRaw } from '../harness/raw-http.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type RelayProcess, startRelayProcess } from '../harness/relay-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CountingClient, createCountingClient } from '../integration/scale/counting-client.ts';
import { extent } from './extent.ts';
import { report } from './row.ts';

/**
 * R5. One client among many stops reading. Must hold: it costs at most 1.5 MB, the others' latency is what it was, each gets
 * everything once, and so does the stalled one as soon as it reads again; one that never does is cut off and goes on with
 * its position, whatever the transport; fifty of them stay within the budget for all. Nor does the process suffer when one
 * that is closed has not taken what was sent.
 */
const crowdSize = extent({ quick: 50, full: 500 });
const publishSeconds = extent({ quick: 1, full: 20 });
const KIB = 1024;
const MIB = 1024 * KIB;
const EVENTS_PER_SECOND = 500;
/** What stalled clients are behind with: more than the kernel's buffers take. */
const BACKLOG = 2_000;
const WIDE = 'x'.repeat(4_000);

let relay: RelayProcess | undefined;
let log: LogFiller | undefined;

afterEach(async () => {
  await log?.stop();
  await relay?.stop();
  relay = undefined;
  log = undefined;
});

async function start(settings: Record<string, string>): Promise<{ relay: RelayProcess; log: LogFiller }> {
  relay = await startRelayProcess({ settings });
  log = createLogFiller(relay);
  const body = `{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","data":null,"pad":"${WIDE}"}`;
  await log.fill(BACKLOG, { body });
  // For who comes now, "now" is behind what the relay has read.
  const { metric } = relay;
  await waitFor(async () => (await metric('relay_head')) >= BACKLOG, { what: 'the relay to have read the backlog' });
  return { relay, log };
}

/** Writes at a rate for a while; resolves with how many, and how late a client that only listens got them, sorted, ms. */
async function publish(stage: { relay: RelayProcess; log: LogFiller }, seconds: number) {
  const listener = await connectClient(stage.relay.url, stage.relay.apiKey);
  await listener.waitForMessage('caught_up');
  const latencies: number[] = [];
  let seen = 0;
  const watching = setInterval(() => {
    const now = Date.now();
    for (const { at } of listener.entries().slice(seen)) latencies.push(now - Date.parse(String(at)));
    seen += listener.entries().slice(seen).length;
  }, 2);
  const startedAt = performance.now();
  let count = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * EVENTS_PER_SECOND) - count;
    if (due > 0) await stage.log.fill(due);
    count += Math.max(0, due);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  await waitFor(() => seen >= count, { what: 'the listener to get all' });
  clearInterval(watching);
  await listener.close();
  return { count, latencies: latencies.sort((one, other) => one - other) };
}

const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor(sorted.length * q)] ?? Number.NaN;

async function allAt(clients: readonly CountingClient[], count: number): Promise<void> {
  await waitFor(() => clients.every(client => client.received >= count), {
    what: `${count} for all`,
    timeoutMs: 60_000,
  });
}

it('one client that stops reading costs what it may, the others notice nothing, and it misses nothing', {
  timeout: 180_000,
}, async () => {
  const stage = await start({});
  const { url, apiKey } = stage.relay;
  const crowd = createClientCrowd({ relayUrls: [url], apiKey, size: crowdSize, after: 'now' });
  const accounts = () => crowd.accounts();
  const allHave = (count: number) =>
    waitFor(async () => (await accounts()).every(({ received }) => received >= count), {
      what: `all to have ${count}`,
      timeoutMs: 120_000,
      everyMs: 200,
    });
  await waitFor(async () => (await stage.relay.metric('relay_clients')) === crowdSize, {
    what: 'all to be there',
    timeoutMs: 60_000,
  });
  const before = await publish(stage, publishSeconds);
  const residentBefore = await stage.relay.residentBytes();
  const stalled = createCountingClient(stage.relay, { after: 'start' }, { isStalled: true });
  await waitFor(async () => (await stage.relay.metric('relay_queued_bytes')) > 0, { what: 'the client to stall' });
  const during = await publish(stage, publishSeconds);
  const queued = await stage.relay.metric('relay_queued_bytes');
  const resident = await stage.relay.residentBytes();
  const total = BACKLOG + before.count + during.count;
  await allHave(before.count + during.count);
  const told = await accounts();
  await crowd.stop();
  const resumedAt = performance.now();
  stalled.resume();
  await allAt([stalled], total);
  const healMs = Math.round(performance.now() - resumedAt);
  stalled.cut();

  const delivered = told.reduce((sum, { received }) => sum + received, 0) + stalled.received;
  const p99 = [before, during].map(({ latencies }) => `${quantile(latencies, 0.99)} ms`);
  await report({
    fault: 'R5 one client stalls',
    load: `${EVENTS_PER_SECOND}/s, ${crowdSize} clients`,
    seconds: 2 * publishSeconds,
    ...{ sent: total, logged: total, delivered, duplicated: 0, missing: 0, gaps: 0, healMs },
    note: `holds ${queued} bytes, relay grew ${Math.round((resident - residentBefore) / MIB)} MB, p99 ${p99.join(' → ')}`,
  });
  // One write of at most RELAY_CLIENT_BYTES, and the entry that does not fit in it any more.
  expect(queued).toBeLessThanOrEqual(MIB + 5 * KIB);
  expect(resident - residentBefore).toBeLessThan(100 * MIB);
  expect(stalled.breaks).toEqual([]);
  expect(stalled.received).toBe(total);
  for (const account of told) {
    expect(account).toMatchObject({ connections: 1, received: before.count + during.count, breaks: [], ownGaps: [] });
  }
});

it('a client that takes nothing for ten heartbeats is not cut off for it', { timeout: 60_000 }, async () => {
  const stage = await start({ RELAY_HEARTBEAT_MS: '200' });
  const stalled = createCountingClient(stage.relay, { after: 'start' }, { isStalled: true });
  await waitFor(async () => (await stage.relay.metric('relay_queued_bytes')) > 0, { what: 'the client to stall' });
  const listener = await connectClient(stage.relay.url, stage.relay.apiKey);
  await waitFor(() => listener.pings >= 10, { what: 'ten heartbeats' });
  stalled.resume();
  await allAt([stalled], BACKLOG);
  expect(stalled.breaks).toEqual([]);
  stalled.cut();
  await listener.close();
});

it('a client that stops reading for good is cut off, and goes on with its position', { timeout: 60_000 }, async () => {
  const stage = await start({ RELAY_HEARTBEAT_MS: '400', RELAY_CLIENT_STALL_MS: '1000' });
  const stalled = createCountingClient(stage.relay, { after: 'start' }, { isStalled: true });
  await waitFor(async () => (await stage.relay.metric('relay_clients')) === 1, { what: 'the client to be there' });
  await waitFor(async () => (await stage.relay.metric('relay_clients')) === 0, { what: 'the client to be cut off' });
  expect(await stage.relay.metric('relay_send_budget_used_bytes')).toBe(0);
  stalled.resume();
  await stalled.closed;
  expect(stalled.received).toBeLessThan(BACKLOG);
  const query = { after: stalled.last === '' ? 'start' : stalled.last };
  const again = createCountingClient(stage.relay, query, { last: stalled.last });
  await allAt([again], BACKLOG - stalled.received);
  expect([...stalled.breaks, ...again.breaks]).toEqual([]);
  again.cut();
});

it('fifty clients that stop reading stay within the budget for all, and a healthy one is served', {
  timeout: 120_000,
}, async () => {
  const [clientBytes, sendBytes, stalledClients] = [512 * KIB, MIB, 50];
  const stage = await start({ RELAY_CLIENT_BYTES: String(clientBytes), RELAY_SEND_BYTES: String(sendBytes) });
  const clients = Array.from({ length: stalledClients }, () =>
    createCountingClient(stage.relay, { after: 'start' }, { isStalled: true }),
  );
  const used = () => stage.relay.metric('relay_send_budget_used_bytes');
  await waitFor(async () => (await used()) > sendBytes, { what: 'the budget to be used up', timeoutMs: 30_000 });
  const healthy = createCountingClient(stage.relay, { after: 'start' });
  await allAt([healthy], BACKLOG);
  const { count, latencies } = await publish(stage, 1);
  await allAt([healthy], BACKLOG + count);
  // The last write that began within the budget, and a small one for each client that came later.
  expect(await used()).toBeLessThan(sendBytes + clientBytes + stalledClients * 17 * KIB);
  expect(await stage.relay.metric('relay_queued_bytes')).toBe(await used());
  console.info(
    `beside ${stalledClients} stalled clients: p99 ${quantile(latencies, 0.99)} ms, ${await used()} bytes wait`,
  );
  for (const client of clients) client.resume();
  await allAt(clients, BACKLOG + count);
  for (const client of [healthy, ...clients]) {
    expect(client.breaks).toEqual([]);
    client.cut();
  }
});

describe.each(['/relay/events/stream?after=', '/relay/streams/calls?live=sse&offset='])('a stream, %s', path => {
  /** Asks and reads nothing of what is answered. */
  function openStalled({ url, apiKey }: RelayProcess, after: string): Socket {
    const socket = openRaw(url).pause();
    socket.on('error', () => undefined);
    socket.write(`GET ${path}${after} HTTP/1.1\r\nhost: relay\r\nx-api-key: ${apiKey}\r\n\r\n`);
    return socket;
  }

  it('that is not read for good is cut off', { timeout: 60_000 }, async () => {
    const { relay } = await start({ RELAY_HEARTBEAT_MS: '400', RELAY_CLIENT_STALL_MS: '1000' });
    const stalled = openStalled(relay, path.includes('live') ? '-1' : 'start');
    await waitFor(async () => (await relay.metric('relay_clients')) === 1, { what: 'the client to be there' });
    await waitFor(async () => (await relay.metric('relay_clients')) === 0, { what: 'the client to be cut off' });
    expect(await relay.metric('relay_send_budget_used_bytes')).toBe(0);
    stalled.destroy();
  });

  it('that is not read while its key ends takes nobody with it', { timeout: 60_000 }, async () => {
    const { relay, log } = await start({});
    const stalled = openStalled(relay, 'now');
    await waitFor(async () => (await relay.metric('relay_clients')) === 1, { what: 'the client to be there' });
    const body = `{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","data":null,"pad":"${WIDE}"}`;
    // One by one: what the kernel does not take whole is the last entry before the end.
    for (let count = BACKLOG + 1; (await relay.metric('relay_queued_bytes')) === 0; count += 1) {
      await log.fill(1, { body });
      await waitFor(async () => (await relay.metric('relay_head')) === count, { what: 'the relay to have read it' });
    }
    const sql = new pg.Client({ connectionString: relay.databaseUrl });
    await sql.connect();
    await sql.query('DELETE FROM api_keys');
    await sql.end();
    await waitFor(
      async () => {
        await log.fill(1);
        return (await relay.metric('relay_clients')) === 0;
      },
      { what: 'the client to be gone' },
    );
    await log.fill(1);
    expect(relay.output()).not.toContain('unexpected');
    expect((await fetch(`${relay.url}/relay/health`)).status).toBe(200);
    stalled.destroy();
  });
});
