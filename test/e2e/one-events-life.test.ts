import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ClientCrowd, createClientCrowd } from '../harness/client-crowd.ts';
import { compare, entriesLogged, framesSent } from '../harness/ledger.ts';
import { connectClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The size of a burst: `E2E_EVENTS=100000` plays the whole one. */
const EVENTS = Number(process.env.E2E_EVENTS ?? 20_000);
const PER_SECOND = 5_000;
const CLIENTS = 50;

let system: System;
let crowd: ClientCrowd | undefined;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(async () => {
  await system?.stop();
});

afterEach(async () => {
  await crowd?.stop();
  crowd = undefined;
});

/** Plays a burst while one client after the other is cut off every second, and `during` happens. */
async function burst(events: number, during: () => Promise<void> = async () => undefined): Promise<void> {
  crowd = createClientCrowd({ relayUrls: [system.relayUrl], apiKey: system.apiKey, size: CLIENTS });
  await system.sim('POST', '/sim/burst', { events, perSecond: PER_SECOND });
  let isDone = false;
  const cutting = (async () => {
    for (let i = 0; !isDone; i += 1) {
      await sleep(1_000);
      crowd?.cut(i);
    }
  })();
  await during();
  await waitFor(async () => !(await system.sim<{ running: boolean }>('GET', '/sim/burst')).running, {
    what: 'the end of the burst',
    timeoutMs: 90_000,
    everyMs: 200,
  });
  isDone = true;
  await cutting;
}

/** Waits until ingest has nothing in hand any more. */
async function logToBeStill(): Promise<void> {
  let lastLength = -1;
  await waitFor(
    async () => {
      const length = await system.redis.xlen(system.keys.log('calls'));
      const isStill = length === lastLength;
      lastLength = length;
      return isStill;
    },
    { what: 'the log to be still', timeoutMs: 60_000, everyMs: 3_000 },
  );
}

async function expectWholeTruth(): Promise<void> {
  await logToBeStill();
  const entries = await entriesLogged(system);
  expect(compare(await framesSent(system), entries)).toMatchObject({ missing: [], unexpected: [] });
  const seqs = entries.map(({ id }) => Number.parseInt(id, 10));
  const [firstSeq = 0, lastSeq = 0] = [seqs[0], seqs.at(-1)];
  expect(lastSeq - firstSeq + 1).toBe(entries.length);
  await waitFor(async () => (await crowd?.accounts())?.every(account => account.lastSeq >= lastSeq), {
    what: 'every client at the head',
    timeoutMs: 90_000,
    everyMs: 200,
  });
  for (const account of (await crowd?.accounts()) ?? []) {
    expect(account).toMatchObject({ firstSeq, lastSeq, received: entries.length, breaks: [], ownGaps: [] });
  }
}

async function expectPostgresToEqualTheLog(): Promise<void> {
  const entries = await entriesLogged(system);
  await waitFor(
    async () => {
      const { rows } = await system.postgres.query('SELECT count(*)::int AS n FROM events WHERE channel = $1', [
        'calls',
      ]);
      return rows[0].n >= entries.length;
    },
    { what: 'PostgreSQL to hold the log', timeoutMs: 60_000, everyMs: 250 },
  );
  const { rows } = await system.postgres.query<{ seq: string; type: string; body: string }>(
    'SELECT seq, type, body::text AS body FROM events WHERE channel = $1 ORDER BY epoch, seq',
    ['calls'],
  );
  expect(rows.length).toBe(entries.length);
  const differing = rows.filter(({ seq, type, body }, i) => {
    const entry = entries[i];
    return !entry || entry.id !== `${seq}-0` || entry.type !== type || entry.body !== body;
  });
  expect(differing).toEqual([]);
}

describe('one call', () => {
  it('is seen to ring, be answered and end, under one call id', async () => {
    const client = await connectClient(system.relayUrl, system.apiKey);
    await client.waitForMessage('caught_up');
    await system.sim('POST', '/sim/calls', { scenario: 'inbound', dn: '101', ringMs: 300, talkMs: 300 });
    const ended = await waitFor(() => client.entries().find(message => message.event === 'call.ended'), {
      what: 'the end of the call',
      timeoutMs: 15_000,
    });
    const call = ended.call as { callId: string; direction: string; disposition: string; answeredBy: unknown };
    expect(call).toMatchObject({ direction: 'inbound', disposition: 'answered' });
    const own = client
      .entries()
      .filter(message => (message.call as { callId?: string } | null)?.callId === call.callId);
    const told = own.flatMap(message => (message.events as string[] | undefined) ?? [String(message.event)]);
    const order = ['call.started', 'call.ringing', 'call.answered', 'call.ended'].map(name => told.indexOf(name));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(told.filter(name => name === 'call.ended')).toHaveLength(1);
    const ringing = own.find(message => message.event === 'call.ringing');
    expect(ringing?.data).toMatchObject({ event: { event_type: 0, attached_data: null } });
    expect(ringing?.participant).toMatchObject({ dn: '101', status: 'Ringing' });
    await client.close();
  });

  it('that nobody answers ends as missed', async () => {
    const client = await connectClient(system.relayUrl, system.apiKey);
    await client.waitForMessage('caught_up');
    await system.sim('POST', '/sim/calls', { scenario: 'missed', dn: '102', ringMs: 300 });
    const ended = await waitFor(() => client.entries().find(message => message.event === 'call.ended'), {
      what: 'the end of the call',
      timeoutMs: 15_000,
    });
    expect(ended.call).toMatchObject({ disposition: 'missed', answeredAt: null });
    await client.close();
  });
});

describe('a burst with clients that are cut off and resume', () => {
  it('reaches the log and every client once and in order', async () => {
    await burst(EVENTS);
    await expectWholeTruth();
    const active = await fetch(`${system.relayUrl}/relay/active-calls`, { headers: { 'x-api-key': system.apiKey } });
    expect(await active.json()).toMatchObject({ calls: [] });
  });

  it('does so while ingest, relay and worker are killed one after the other; what nobody heard stands at a gap', async () => {
    await burst(EVENTS, async () => {
      await sleep(1_000);
      for (const name of ['ingest', 'relay', 'worker'] as const) await system.crash(name);
    });
    await expectWholeTruth();
    await expectPostgresToEqualTheLog();
  });

  it('says with a gap that the PBX was away, and goes on', async () => {
    const client = await connectClient(system.relayUrl, system.apiKey);
    await client.waitForMessage('caught_up');
    await system.sim('POST', '/sim/faults', { kind: 'drop', ms: 500 });
    const gap = await waitFor(() => client.entries().find(message => message.type === 'gap'), {
      what: 'the gap',
      timeoutMs: 20_000,
    });
    expect(gap).toMatchObject({ channel: 'calls', reason: 'pbx_disconnected', lost: null });
    expect(String(gap.from) < String(gap.to)).toBe(true);
    await client.close();
  });
});
