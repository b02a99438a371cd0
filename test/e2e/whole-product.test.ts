import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue, type JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import type { RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient, type RelayClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * One call from its ring to its end, as a client sees it, and an outage of the PBX. Then the PBX's database, XAPI and socket
 * are taken away one at a time: the one is down, told and mended by itself; the other two stay up, are looked at on schedule
 * and do their work.
 */
type Component = 'database' | 'xapi' | 'websocket';
type Health = { at: string; component: string; state: string; previous?: string; error: string | null };

const COMPONENTS: readonly Component[] = ['database', 'xapi', 'websocket'];
const TOLD_WITHIN_MS = 10_000;
/** A look every 5 s, which itself may take its deadline of 2 s. */
const LOOKS_APART_MS = 7_500;
/** However long the socket is away: a wait that has grown would be longer than what is waited for here. */
const DIALLED_EVERY_MS = 5_000;

let system: System;
let client: RelayClient;
let connection: RedisConnection;
let queue: JobQueue<'pbx'>;

beforeAll(async () => {
  system = await startSystem({
    SIM_TIME_SCALE: '0.05',
    SIM_DATABASE_LATE_MS: '0',
    INGEST_RECORDS_DELAYS_MS: '300,1000,3000',
    INGEST_END_GRACE_MS: '200',
    INGEST_RECONNECT_MAX_MS: String(DIALLED_EVERY_MS),
  });
  client = await connectClient(system.relayUrl, system.apiKey);
  await client.waitForMessage('caught_up');
  const logger = createLogger({ name: 'test', level: 'silent' });
  connection = connectForJobs(system.redisUrl, { name: 'test', logger });
  queue = createJobQueue('pbx', { connection, keys: system.keys, logger });
  for (const component of COMPONENTS) await relayShows(component, 'up', 20_000);
});

afterAll(async () => {
  await client?.close();
  await queue?.stop();
  await connection?.stop();
  await system?.stop();
});

describe('one call', () => {
  test('is seen to ring, be answered and end, under one call id', async () => {
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

  test('that nobody answers ends as missed', async () => {
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

describe('an outage of the PBX', () => {
  test('is a gap in the log, and it goes on', async () => {
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

async function relayShows(component: Component, state: string, timeoutMs: number): Promise<Record<string, unknown>> {
  return waitFor(
    async () => {
      const answer = await fetch(`${system.relayUrl}/relay/health`, { headers: { 'x-api-key': system.apiKey } });
      const { components } = (await answer.json()) as { components: Record<string, { state: string }> };
      return components[component]?.state === state && components[component];
    },
    { what: `/relay/health to show ${component} ${state}`, timeoutMs, everyMs: 100 },
  );
}

/** Entries of the channel `health`, as any client may read them. */
async function healthLogged(event: 'health.sample' | 'health.state_change'): Promise<Health[]> {
  const page = await system.redis.xrange(system.keys.log('health'), '-', '+');
  return page
    .map(([, fields]) => fields.find(field => field.startsWith('{')) ?? '{}')
    .map(body => JSON.parse(body) as { at: string; event: string; data: Omit<Health, 'at'> })
    .filter(body => body.event === event)
    .map(({ at, data }) => ({ at, ...data }));
}

const changesOf = async (component: Component, since: string) =>
  (await healthLogged('health.state_change')).filter(each => each.component === component && each.at >= since);

const reconnect = async (component: Component) => {
  const requestedBy = { kind: 'admin', id: '1', name: 'ada' } as const;
  const answer = await queue.run('reconnect', { component, requestedBy, address: null }, { timeoutMs: 15_000 });
  if (answer.kind !== 'answered') throw new Error(`the reconnect of ${component} was ${answer.kind}`);
  return answer.result;
};

/** Plays a call and returns what a connected client was told of it under this event. */
async function callTold(dn: string, event: string): Promise<Record<string, unknown>> {
  const from = client.messages.length;
  await system.sim('POST', '/sim/calls', { scenario: 'inbound', dn, ringMs: 1_500, talkMs: 1_500 });
  const message = await waitFor(
    () =>
      client.messages.slice(from).find(each => {
        return each.event === event && JSON.stringify(each.call).includes(`"${dn}"`);
      }),
    { what: `${event} of the call on ${dn}` },
  );
  return message.call as Record<string, unknown>;
}

async function callsOfXapi(): Promise<{ status: number; calls?: unknown[] }> {
  const answer = await fetch(`${system.relayUrl}/relay/active-calls?source=xapi`, {
    headers: { 'x-api-key': system.apiKey },
  });
  return { status: answer.status, ...((await answer.json()) as { calls?: unknown[] }) };
}

/** What each of them is for, done. */
const WORKS: Record<Component, (dn: string) => Promise<void>> = {
  // The called number is in the database alone: call control and XAPI do not have it.
  database: async dn =>
    expect(await callTold(dn, 'call.finalized')).toMatchObject({ did: expect.stringMatching(/\d/) }),
  xapi: async dn => {
    const { callid } = await system.sim<{ callid: number }>('POST', '/sim/calls', {
      ...{ scenario: 'inbound', dn, ringMs: 60_000 },
    });
    const answer = await waitFor(
      async () => {
        const { status, calls } = await callsOfXapi();
        return status === 200 && calls;
      },
      { what: 'an answer of XAPI', everyMs: 200 },
    );
    expect(JSON.stringify(answer)).toContain(`${dn} `);
    await system.sim('POST', `/sim/calls/${callid}/hangup`, {});
  },
  websocket: async dn => expect(await callTold(dn, 'call.ended')).toMatchObject({ disposition: 'answered' }),
};

const OUTAGES: readonly { component: Component; faults: readonly object[]; error: RegExp; dns: readonly string[] }[] = [
  {
    component: 'database',
    faults: [{ kind: 'database-down', ms: 600_000 }],
    error: /database/,
    dns: ['101', '102', '103'],
  },
  {
    component: 'xapi',
    faults: [{ kind: 'http-error', status: 503, path: '/xapi', ms: 600_000 }],
    error: /503/,
    dns: ['104', '105', '106'],
  },
  {
    component: 'websocket',
    faults: [{ kind: 'reject-upgrade', status: 503, ms: 600_000 }, { kind: 'drop' }],
    error: /503/,
    dns: ['107', '108', '109'],
  },
];

test.each(OUTAGES)(
  'without the $component the other two stay up and work, and it comes back by itself',
  async ({ component, faults, error, dns }) => {
    const others = COMPONENTS.filter(each => each !== component);
    const since = new Date().toISOString();
    for (const fault of faults) await system.sim('POST', '/sim/faults', fault);

    const shown = await relayShows(component, 'down', TOLD_WITHIN_MS);
    expect(shown.error).toMatch(error);
    const down = await waitFor(async () => (await changesOf(component, since))[0], { what: 'the change to be logged' });
    expect(down).toMatchObject({ previous: 'up', state: 'down', error: expect.stringMatching(error) });
    expect(Date.parse(down.at) - Date.parse(since)).toBeLessThan(TOLD_WITHIN_MS);

    expect(await reconnect(component)).toMatchObject({ component, ok: false, state: 'down' });
    for (const [i, other] of others.entries()) {
      // What the database does shows in calls that the socket told of: without the socket it is asked by itself.
      if (!(component === 'websocket' && other === 'database')) await WORKS[other](dns[i] ?? '');
      expect(await reconnect(other)).toMatchObject({ component: other, ok: true, state: 'up', error: null });
    }
    expect((await changesOf(component, since)).map(({ state }) => state)).toEqual(['down']);

    await system.sim('DELETE', '/sim/faults');
    await relayShows(component, 'up', 15_000);
    await waitFor(async () => (await changesOf(component, since)).at(-1)?.state === 'up', { what: 'the way back' });
    await WORKS[component](dns[2] ?? '');
    expect(await reconnect(component)).toMatchObject({ component, ok: true, state: 'up' });

    const samples = (await healthLogged('health.sample')).filter(({ at }) => at >= since);
    for (const other of others) {
      const own = samples.filter(sample => sample.component === other);
      expect(own.filter(({ state }) => state !== 'up')).toEqual([]);
      const times = [since, ...own.map(({ at }) => at), new Date().toISOString()].map(at => Date.parse(at));
      const longest = Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time)));
      expect(longest).toBeLessThan(LOOKS_APART_MS);
      expect(await changesOf(other, since)).toEqual([]);
    }
  },
);
