import { Registry } from 'prom-client';
import { beforeEach, expect, it } from 'vitest';
import { type Arrivals, createArrivals } from './arrivals.ts';
import { createRing } from './ring.ts';

const wait = { ms: 10_000 };
let ring: ReturnType<typeof createRing>;
let arrivals: Arrivals;

function read(seq: number): void {
  const rest = { channel: 'calls', epoch: 'aaaaaaaa', type: 'x', at: 0, body: '{}', dn: null, call: null } as const;
  ring.append([{ ...rest, event: null, seq }], [{ epoch: 'aaaaaaaa', first: 1 }]);
  arrivals.wake('calls');
}

beforeEach(() => {
  ring = createRing({ channel: 'calls', epochs: [], head: 5, oldest: 1 }, 1_000_000);
  arrivals = createArrivals({ ring: () => ring, registry: new Registry() }, 2);
});

it('does not wait for what is there, and is woken by what comes', async () => {
  expect(await arrivals.waitBeyond('calls', 4, wait)).toBe('grown');
  const waiting = arrivals.waitBeyond('calls', 5, wait);
  read(6);
  expect(await waiting).toBe('grown');
});

it('one that has read ahead of the tail is not woken by what it has seen', async () => {
  let outcome = 'none yet';
  const waiting = arrivals.waitBeyond('calls', 7, wait).then(found => {
    outcome = found;
  });
  read(6);
  read(7);
  await Promise.resolve();
  expect(outcome).toBe('none yet');
  read(8);
  await waiting;
  expect(outcome).toBe('grown');
});

it('ends at its time, and when the client has left', async () => {
  expect(await arrivals.waitBeyond('calls', 5, { ms: 5 })).toBe('timeout');
  const client = new AbortController();
  const waiting = arrivals.waitBeyond('calls', 5, { ...wait, signal: client.signal });
  client.abort();
  expect(await waiting).toBe('timeout');
  expect(await arrivals.waitBeyond('calls', 5, { ...wait, signal: client.signal })).toBe('timeout');
});

it('refuses requests beyond its limit, never connections, and a place that was left is free', async () => {
  const client = new AbortController();
  const first = arrivals.waitBeyond('calls', 5, { ...wait, signal: client.signal });
  const second = arrivals.waitBeyond('calls', 5, wait);
  const connection = arrivals.waitBeyond('calls', 5, { ...wait, isConnection: true });
  expect(await arrivals.waitBeyond('calls', 5, wait)).toBe('refused');
  client.abort();
  expect(await first).toBe('timeout');
  const third = arrivals.waitBeyond('calls', 5, wait);
  read(6);
  expect(await Promise.all([second, third, connection])).toEqual(['grown', 'grown', 'grown']);
});

it('lets everybody look again at a log that was begun again', async () => {
  const waiting = arrivals.waitBeyond('calls', 900, wait);
  arrivals.reset('calls');
  expect(await waiting).toBe('grown');
});

it('when the process stops requests end, and connections wait until they are closed', async () => {
  const client = new AbortController();
  const request = arrivals.waitBeyond('calls', 5, wait);
  const connection = arrivals.waitBeyond('calls', 5, { ...wait, isConnection: true, signal: client.signal });
  arrivals.wake();
  expect(await request).toBe('stopped');
  expect(await arrivals.waitBeyond('calls', 5, wait)).toBe('stopped');
  client.abort();
  expect(await connection).toBe('timeout');
});
