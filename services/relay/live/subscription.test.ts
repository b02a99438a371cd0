import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { expect, it } from 'vitest';
import { type Block, createBlock } from './block.ts';
import { toFilter } from './filter.ts';
import type { Outlet } from './outlet.ts';
import { createRing } from './ring.ts';
import { Subscription, type SubscriptionWatch } from './subscription.ts';

const epochs = [{ epoch: 'mmmmmmmm', first: 1 }];

function entry(seq: number): LogEntry {
  const body = `{"at":"2026-01-01T00:00:00.000Z","n":${seq}}`;
  return {
    channel: 'calls',
    epoch: 'mmmmmmmm',
    seq,
    type: 'call_event',
    at: 0,
    body,
    dn: '101',
    call: null,
    event: null,
  };
}

/** `kept`: a page that was read for somebody else. */
function stage(cursor: number, kept?: Block) {
  const told: string[] = [];
  const dropped: number[] = [];
  const outlet: Outlet = {
    encoding: 'sse',
    isClosed: false,
    isIdle: () => true,
    whenIdle: async () => undefined,
    maxBytes: () => 1_000_000,
    write: bytes =>
      void told.push(
        ...String(bytes)
          .matchAll(/"n":(\d+)/g)
          .map(([, n]) => String(n)),
      ),
    send: message => void told.push(message.type),
    cork: () => undefined,
    uncork: () => undefined,
  };
  const watch: SubscriptionWatch = {
    fellBack: () => undefined,
    replayed: () => undefined,
    gap: () => undefined,
    dropped: entries => void dropped.push(entries),
  };
  const ring = createRing({ channel: 'calls', epochs, head: kept?.last ?? 5, oldest: 1 }, 1_000_000);
  const replay = {
    blockAfter: () => ring.blockAfter(cursor) ?? kept ?? Promise.resolve(null),
    forget: () => undefined,
  };
  const filter = toFilter({ dn: ['101'] }, null);
  const deps = { ring, replay, outlet, watch, onError: () => undefined };
  const subscription = new Subscription({ channel: 'calls', filter, cursor }, deps);
  subscription.start();
  const arrive = (...seqs: number[]) => subscription.onBlock(ring.append(seqs.map(entry), epochs));
  return { told, dropped, arrive };
}

it('a filtered client whose snapshot is ahead of what this process has read waits for what follows it', () => {
  const { told, dropped, arrive } = stage(8);
  arrive(6, 7);
  arrive(8, 9);
  expect(told).toEqual(['caught_up', '9']);
  expect(dropped.every(entries => entries >= 0)).toBe(true);
});

it('whoever comes to a page that was read for somebody else is told of the hole that it begins with', () => {
  const { told } = stage(5, createBlock({ after: 4, last: 9, entries: [entry(8), entry(9)], epochs }));
  expect(told).toEqual(['gap', '8', '9', 'caught_up']);
});
