import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient, isEntry, type RelayClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  relay = await startTestRelay({
    RELAY_HEARTBEAT_MS: '400',
    RELAY_RING_BYTES: '1048576',
  });
  log = createLogFiller(relay);
  await log.fill(1_000);
});

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
});

function connect(query: Record<string, string> = {}): Promise<RelayClient> {
  return connectClient(relay.url, relay.apiKey, query);
}

async function numbersUntil(client: RelayClient, count: number): Promise<number[]> {
  await waitFor(() => client.entries().length >= count, { what: `${count} entries`, timeoutMs: 20_000 });
  return client.entries().map(numberIn);
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('a client', () => {
  it('is greeted with the head and the oldest position of each channel it may read', async () => {
    const client = await connect();
    const hello = await client.waitForMessage('hello');
    const { calls, health } = hello.channels as Record<string, { epoch: string; head: string; oldest: string }>;
    expect(hello.protocol).toBe(1);
    expect(calls?.head).toMatch(new RegExp(`^${calls?.epoch}_\\d{16}$`));
    expect(calls && calls.oldest < calls.head).toBe(true);
    expect(health?.head).toBeNull();
    await client.close();
  });

  it('that comes without a position gets what happens from now on', async () => {
    const client = await connect();
    await client.waitForMessage('caught_up');
    const before = client.entries().length;
    await log.fill(3);
    const numbers = await numbersUntil(client, 3);
    expect(before).toBe(0);
    expect(numbers.at(-1)).toBe((numbers[0] ?? 0) + 2);
    await client.close();
  });

  it('gets everything from the start once, in order, then caught_up, then live', async () => {
    const client = await connect({ after: 'start' });
    await client.waitForMessage('caught_up');
    const replayed = client.entries().length;
    await log.fill(10);
    const numbers = await numbersUntil(client, replayed + 10);
    expect(numbers).toEqual(range(1, numbers.length));
    expect(client.messages.findIndex(message => message.type === 'caught_up')).toBeLessThan(
      client.messages.length - 10,
    );
    await client.close();
  });

  it('that is cut and resumes with its last position misses nothing and gets nothing twice, while events flow', async () => {
    const collected: number[] = [];
    let after = 'start';
    let isFilling = true;
    const first = log.fill(0).then(async () => {
      for (let i = 0; i < 100; i += 1) await log.fill(20);
      isFilling = false;
    });
    while (isFilling || collected.length < 100) {
      const client = await connect({ after });
      await client.waitForMessage('hello');
      const wanted = 50 + Math.floor(Math.random() * 400);
      await waitFor(() => client.entries().length >= wanted || !isFilling, { what: 'some entries' });
      const entries = client.entries();
      client.cut();
      collected.push(...entries.map(numberIn));
      after = entries.at(-1)?.id ?? after;
    }
    await first;
    const client = await connect({ after });
    await client.waitForMessage('caught_up');
    collected.push(...client.entries().map(numberIn));
    await client.close();
    expect(collected).toEqual(range(1, collected.length));
    expect(collected.length).toBeGreaterThanOrEqual(3_000);
  });

  it('with a filter gets what matches, and positions that keep it fresh', async () => {
    const client = await connect({ dn: '777' });
    await client.waitForMessage('caught_up');
    await log.fill(5);
    await log.fill(1, { dn: '777', event: 'call.started,call.ringing' });
    await log.fill(5);
    await waitFor(() => client.entries().length === 1, { what: 'the one entry' });
    const last = client.entries()[0]?.id ?? '';
    const position = await waitFor(
      () => client.messages.find(message => message.type === 'position' && String(message.id) > last),
      { what: 'a position beyond the entry' },
    );
    expect(position.channel).toBe('calls');
    await client.close();
    const again = await connect({ event: 'call.ringing', after: 'start' });
    await again.waitForMessage('caught_up');
    expect(again.entries()).toHaveLength(1);
    await again.close();
  });

  it('can ask for a snapshot and reads on exactly behind it', async () => {
    await log.append([
      {
        type: 'call_event',
        at: Date.now(),
        body: '{"at":"2026-01-01T00:00:00.000Z","event":"call.started","data":null}',
        state: [{ of: 'calls', field: 'c9', value: '{"callId":"c9"}' }],
      },
    ]);
    const client = await connect({ snapshot: '1' });
    const snapshot = await client.waitForMessage('snapshot');
    expect(snapshot.calls).toEqual([{ callId: 'c9' }]);
    await log.append([
      {
        type: 'call_event',
        at: Date.now(),
        body: '{"at":"2026-01-01T00:00:01.000Z","event":"call.ended","data":null}',
        state: [{ of: 'calls', field: 'c9', value: null }],
      },
    ]);
    await waitFor(() => client.entries().length === 1, { what: 'the event behind the snapshot' });
    expect(client.entries()[0]?.event).toBe('call.ended');
    expect(String(client.entries()[0]?.id) > String(snapshot.id)).toBe(true);
    const rest = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
    const active = (await rest.json()) as { position: string; calls: unknown[] };
    expect(active.calls).toEqual([]);
    expect(active.position).toBe(client.entries()[0]?.id);
    await client.close();
  });

  it('that asks for one beside another channel gets that channel, too', async () => {
    const client = await connect({ channels: 'calls,health', snapshot: '1' });
    await client.waitForMessage('snapshot');
    await waitFor(() => client.messages.filter(({ type }) => type === 'caught_up').length === 2, { what: 'both' });
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
    await client.close();
  });

  it('that names a parameter twice is refused, because only one would count', async () => {
    const url = `${relay.url}/relay/ws?dn=101&dn=102`;
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'x-api-key': relay.apiKey };
    const key = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' };
    const refused = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { headers: { ...upgrade, ...key } })
        .once('response', resolve)
        .once('error', reject)
        .end();
    });
    expect(refused.statusCode).toBe(400);
    expect(JSON.parse(String(await refused.toArray()))).toMatchObject({ code: 'invalid_request', field: 'dn' });
  });

  it('that asks again and again and does not read is answered when it reads', async () => {
    const [asked, large] = [18, 600_000];
    const value = JSON.stringify({ callId: 'c8', pad: 'x'.repeat(large) });
    const body = '{"at":"2026-01-01T00:00:00.000Z","event":"call.started","data":null}';
    const entry = { type: 'call_event', at: Date.now(), body } as const;
    await log.append([{ ...entry, state: [{ of: 'calls', field: 'c8', value }] }]);
    const [stalled, reading] = [await connect({ channels: '' }), await connect({ channels: '' })];
    stalled.pause();
    const ask = (client: RelayClient) => client.send({ type: 'subscribe', channels: { calls: { snapshot: true } } });
    const snapshots = (client: RelayClient) => client.messages.filter(({ type }) => type === 'snapshot').length;
    for (let i = 0; i < asked; i += 1) ask(stalled);
    // As long as it would take to answer the other.
    for (let i = 1; i <= asked; i += 1) {
      ask(reading);
      await waitFor(() => snapshots(reading) === i, { what: `snapshot ${i}`, everyMs: 1 });
    }
    expect(await relay.metric('relay_queued_bytes')).toBeLessThan(3 * large);
    stalled.resume();
    await waitFor(() => snapshots(stalled) === asked, { what: 'all answers', timeoutMs: 20_000 });
    await log.append([{ ...entry, state: [{ of: 'calls', field: 'c8', value: null }] }]);
    await Promise.all([stalled.close(), reading.close()]);
  });

  it('can subscribe and unsubscribe channels on one socket', async () => {
    const client = await connect({ channels: '' });
    await client.waitForMessage('hello');
    client.send({ type: 'subscribe', channels: { calls: { after: 'now' }, errors: { after: 'start' } } });
    await waitFor(() => client.messages.filter(message => message.type === 'caught_up').length === 2, { what: 'both' });
    await log.append(
      [{ type: 'error_event', at: Date.now(), body: '{"at":"2026-01-01T00:00:00.000Z","data":{}}' }],
      'errors',
    );
    await waitFor(() => client.messages.some(message => message.type === 'error_event'), { what: 'the error entry' });
    client.send({ type: 'unsubscribe', channels: ['calls'] });
    await client.waitForMessage('unsubscribed');
    await log.fill(2);
    client.send({ type: 'ping' });
    await client.waitForMessage('pong');
    expect(client.messages.some(message => message.type === 'call_event')).toBe(false);
    await client.close();
  });
});

describe('a slow client', () => {
  // Of these heartbeats nobody goes without an answer while the test fills the kernel's buffers.
  let patient: TestRelay;
  let events: LogFiller;

  beforeAll(async () => {
    patient = await startTestRelay({ RELAY_CLIENT_BYTES: '131072' });
    events = createLogFiller(patient);
  });

  afterAll(async () => {
    await events?.stop();
    await patient?.stop();
  });

  it('that stops reading costs its cursor and misses nothing once it reads again', async () => {
    const client = await connectClient(patient.url, patient.apiKey);
    await client.waitForMessage('caught_up');
    client.pause();
    const wide = 'x'.repeat(2_000);
    // The kernel's own buffers hold up to 36 MB of a connection: until they are full nobody lags.
    let filled = 0;
    const lag = () => patient.metric('relay_client_lag_entries_max');
    while (filled < 10_000 || ((await lag()) <= 1_000 && filled < 30_000)) {
      await events.fill(500, {
        body: `{"at":"2026-01-01T00:00:00.000Z","event":"call.updated","data":null,"pad":"${wide}"}`,
      });
      filled += 500;
    }
    await waitFor(async () => (await lag()) > 1_000, {
      what: 'the client to lag',
    });
    const queued = await patient.metric('relay_queued_bytes');
    expect(queued).toBeLessThan(256 * 1024);
    client.resume();
    await waitFor(() => client.entries().length >= filled, { what: 'all entries', timeoutMs: 30_000 });
    const ids = client.entries().map(message => String(message.id));
    expect(ids).toHaveLength(filled);
    expect(new Set(ids).size).toBe(filled);
    expect([...ids].sort()).toEqual(ids);
    await client.close();
  });
});

describe('positions', () => {
  it('that were trimmed are answered with a gap that counts what is gone', async () => {
    // More than the ring holds, or it would still have them.
    const watcher = await connect();
    await watcher.waitForMessage('caught_up');
    await log.fill(6_000);
    await numbersUntil(watcher, 6_000);
    await watcher.close();
    const hello = await (await connect()).waitForMessage('hello');
    const { epoch, head } = (hello.channels as Record<string, { epoch: string; head: string }>).calls ?? {
      epoch: '',
      head: '',
    };
    const headSeq = Number(head.split('_')[1]);
    await log.redis.xtrim(log.keys.log('calls'), 'MINID', `${headSeq - 9}-0`);
    const client = await connect({ after: `${epoch}_0000000000000005` });
    await client.waitForMessage('caught_up');
    const gap = client.messages.find(message => message.type === 'gap');
    expect(gap).toMatchObject({ channel: 'calls', after: `${epoch}_0000000000000005`, reason: 'retention' });
    expect(gap?.lost).toBe(headSeq - 10 - 5);
    expect(gap?.before).toBe(client.entries()[0]?.id);
    expect(client.entries()).toHaveLength(10);
    await client.close();
  });

  it('of an unknown epoch are answered with a gap', async () => {
    const client = await connect({ after: '00000000_0000000000000005' });
    const gap = await client.waitForMessage('gap');
    expect(gap).toMatchObject({ reason: 'log_reset', lost: null });
    await client.close();
  });

  it('that are garbage get an error that names the field, and the connection goes on', async () => {
    const client = await connect({ after: 'yesterday' });
    const error = await client.waitForMessage('error');
    expect(error).toMatchObject({ code: 'invalid_position', field: 'channels.calls.after' });
    client.send({ type: 'subscribe', channels: { calls: {} } });
    await client.waitForMessage('caught_up');
    await client.close();
  });
});

describe('manners', () => {
  it('a message that is not valid gets an error that names the field', async () => {
    const client = await connect();
    await client.waitForMessage('hello');
    client.sendText('{"type":"subscribe","channels":{"calls":{"dn":"101"}}}');
    expect(await client.waitForMessage('error')).toMatchObject({ code: 'invalid_message', field: 'channels.calls.dn' });
    await client.close();
  });

  it('a client that sends nothing but nonsense is closed with 4011', async () => {
    const client = await connect();
    await client.waitForMessage('hello');
    for (let i = 0; i < 10; i += 1) client.sendText('nonsense');
    expect((await client.closed).code).toBe(4011);
  });

  it('a client that floods is closed with 4010', async () => {
    const client = await connect();
    await client.waitForMessage('hello');
    for (let i = 0; i < 200; i += 1) client.send({ type: 'ping' });
    expect((await client.closed).code).toBe(4010);
  });

  it('a message that is too big is closed with 1009', async () => {
    const client = await connect();
    await client.waitForMessage('hello');
    client.sendText(JSON.stringify({ type: 'ping', pad: 'x'.repeat(70_000) }));
    expect((await client.closed).code).toBe(1009);
  });

  it('no key and a wrong key are refused before the upgrade, a key without permission is told which', async () => {
    await expect(connectClient(relay.url, '')).rejects.toThrow('401');
    await expect(connectClient(relay.url, `3cxr_${'0'.repeat(64)}`)).rejects.toThrow('401');
    await expect(connectClient(relay.url, relay.powerlessKey)).rejects.toThrow('403');
  });
});

describe('a log that was lost', () => {
  it('is announced to live clients, which go on with what is written next', async () => {
    const client = await connect();
    await client.waitForMessage('caught_up');
    await log.redis.del(log.keys.log('calls'));
    await log.fill(3);
    await waitFor(() => client.entries().length >= 4, { what: 'the gap and three entries' });
    const [gap, ...rest] = client.messages.filter(isEntry);
    expect(gap).toMatchObject({ type: 'gap', reason: 'log_reset' });
    expect(rest.map(message => message.type)).toEqual(['call_event', 'call_event', 'call_event']);
    expect(String(rest[0]?.id).slice(0, 8) > String(gap?.after).slice(0, 8)).toBe(true);
    await client.close();
  });
});
