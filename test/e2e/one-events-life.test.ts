import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../harness/relay-client.ts';
import { type System, startSystem } from '../harness/system.ts';
import { waitFor } from '../harness/wait-for.ts';

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(async () => {
  await system?.stop();
});

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

describe('an outage of the PBX', () => {
  it('is a gap in the log, and it goes on', async () => {
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
